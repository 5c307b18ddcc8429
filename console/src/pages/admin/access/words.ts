//! Whose calls a grant is for, in words.

import type { Schemas } from "../../../api/client";
import { t } from "../../../texts";
import { listed, numbers } from "../fault";

const a = t.admin.access;

/** Whose calls it is for. */
export function scopeOf(grant: Schemas["GrantFields"]): string {
  const parts: string[] = [];
  if (grant.business_units?.length) parts.push(`${a.ofUnits} ${grant.business_units.join(", ")}`);
  if (grant.agents?.length) parts.push(`${a.ofAgents} ${grant.agents.join(", ")}`);
  return parts.join("; ") || a.everybody;
}

/** The same as the recorder takes it; empty texts are for all. */
export function grantOf(roles: string[], units: string, agents: string): Schemas["GrantFields"] {
  return {
    roles,
    ...(listed(units).length && { business_units: numbers(units) }),
    ...(listed(agents).length && { agents: numbers(agents) }),
  };
}
