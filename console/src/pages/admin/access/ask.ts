//! Accounts, keys, approvals and the audit, as the recorder tells of them.

import { token } from "../../../session.svelte";

/** What an account or key is for. */
export interface Grant {
  roles: string[];
  business_units?: number[] | null;
  agents?: number[] | null;
}

export interface User extends Grant {
  id: number;
  name: string;
  active: boolean;
  second_factor: boolean;
  password_set: string | null;
  created: string;
  created_by: string;
}

export interface ApiKey extends Grant {
  id: number;
  name: string;
  begins: string;
  created: string;
  created_by: string;
  expires: string | null;
  old_until: string | null;
  revoked: string | null;
  revoked_by: string | null;
  key?: string;
}

export interface Role {
  role: string;
  purpose: string;
  permissions: string[];
}

export interface Approval {
  id: number;
  kind: string;
  what: unknown;
  by: string;
  why: string;
  source: string;
  asked: string;
  expires: string;
  state: string;
  decided_by: string | null;
  decided: string | null;
}

export interface AuditEntry {
  number: number;
  at: string;
  kind: string;
  who: string;
  source: string;
  action: string;
  outcome: string;
  answer: string;
  recording: string;
  call: string;
  about: string;
  detail: string;
  reason: string;
}

export interface Listing<T> {
  items: T[];
  next?: number | null;
}

/** Asks the recorder, as [`tried`] and [`Listed`] take it. */
export async function ask<T>(path: string, method = "GET", body?: unknown): Promise<{ data?: T; error?: unknown; response: Response }> {
  const headers = { ...(body !== undefined && { "content-type": "application/json" }), ...(method !== "GET" && token()) };
  const response = await fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  let read: unknown = null;
  try {
    read = text ? JSON.parse(text) : null;
  } catch {
    // What is no JSON says nothing that could be shown.
  }
  return response.ok ? { data: (read ?? {}) as T, response } : { error: read, response };
}
