//! The parts of Administration, and who sees them.

import type { Component } from "svelte";

import { t } from "../../texts";
import Account from "./access/Account.svelte";
import Approvals from "./access/Approvals.svelte";
import Keys from "./access/Keys.svelte";
import Users from "./access/Users.svelte";
import Agents from "./agents/Agents.svelte";
import Audit from "./audit/Audit.svelte";
import Blackouts from "./blackouts/Blackouts.svelte";
import Erasures from "./erasures/Erasures.svelte";
import Health from "./health/Health.svelte";
import Holds from "./holds/Holds.svelte";
import VaultKeys from "./keys/VaultKeys.svelte";
import Retention from "./retention/Retention.svelte";
import Schedules from "./schedules/Schedules.svelte";
import Trunks from "./trunks/Trunks.svelte";
import Webhooks from "./webhooks/Webhooks.svelte";

/** A part. */
export interface Part {
  /** Its place under `/admin/`. */
  at: string;
  label: string;
  view: Component;
  /** The permission without which it is not shown; empty if everybody sees it. */
  sees: string;
  /** Whether it is about logins, and is not there where the recorder knows none. */
  logins?: boolean;
}

export const groups: { label: string; parts: Part[] }[] = [
  {
    label: t.admin.groups.recorder,
    parts: [
      { at: "health", label: t.admin.health.title, view: Health, sees: "see_health" },
      { at: "trunks", label: t.admin.trunks.title, view: Trunks, sees: "see_health" },
      { at: "webhooks", label: t.admin.webhooks.title, view: Webhooks, sees: "manage_webhooks" },
      { at: "keys", label: t.admin.vaultKeys.title, view: VaultKeys, sees: "see_health" },
      { at: "audit", label: t.admin.audit.title, view: Audit, sees: "read_audit", logins: true },
    ],
  },
  {
    label: t.admin.groups.who,
    parts: [
      { at: "agents", label: t.admin.agents.title, view: Agents, sees: "see_agents" },
      { at: "blackouts", label: t.admin.blackouts.title, view: Blackouts, sees: "see_calls" },
      { at: "users", label: t.admin.access.users, view: Users, sees: "manage_access", logins: true },
      { at: "api-keys", label: t.admin.access.keys, view: Keys, sees: "manage_access", logins: true },
      { at: "account", label: t.admin.access.account, view: Account, sees: "", logins: true },
    ],
  },
  {
    label: t.admin.groups.keeping,
    parts: [
      { at: "schedules", label: t.admin.schedules.title, view: Schedules, sees: "see_policy" },
      { at: "retention", label: t.admin.retention.title, view: Retention, sees: "see_policy" },
      { at: "holds", label: t.admin.holds.title, view: Holds, sees: "see_care" },
      { at: "erasures", label: t.admin.erasures.title, view: Erasures, sees: "see_care" },
      { at: "approvals", label: t.admin.access.approvals, view: Approvals, sees: "see_care", logins: true },
    ],
  },
];
