//! Who listened to a call, by the audit: only who may read that is told.

import { api, got, type Schemas } from "../../api/client";
import { t } from "../../texts";

/** One time somebody was given sound. */
export interface Listen {
  at: string;
  who: string;
  /** The network address. */
  from: string;
  recording: string;
  /** How much was sent, ms; null while it goes on. */
  ms: number | null;
  detail: string;
  reason: string;
}

/** The listens to a call, oldest first, and whether there are more. */
export async function listensTo(call: string): Promise<{ listens: Listen[]; more: boolean }> {
  const page = await got(api.GET("/v1/audit", { params: { query: { call, action: "recording", limit: 500 } } }));
  const heard = new Map<string, number>();
  for (const entry of page.items) {
    if (entry.action === "recording.heard") heard.set(entry.about.replace("entry ", ""), parseInt(entry.detail, 10) || 0);
  }
  const listens = page.items.filter((it) => it.action === "recording.listen" && it.outcome === "done").map((it) => ({
    at: it.at, who: it.who, from: it.source, recording: it.recording, ms: heard.get(String(it.number)) ?? null, detail: it.detail, reason: it.reason,
  }));
  return { listens: listens.toReversed(), more: page.next != null };
}

/** The same as entries of the timeline. */
export function entriesOf(listens: Listen[]): Schemas["EntryItem"][] {
  return listens.map((it) => ({ at: it.at, kind: "listen", what: t.call.listens.entry(it.who, it.from, it.ms, it.reason), text: null, times: 1 }));
}
