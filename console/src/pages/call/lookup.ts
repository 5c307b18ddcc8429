//! All that is known of a call: what the tracker still knows, what its recordings say, and what happened.

import { api, got, said, type Schemas } from "../../api/client";
import { may } from "../../session.svelte";
import { type Listen, listensTo } from "./listens";

/** A call as far as it is known. */
export interface Known {
  call: Schemas["CallItem"] | null;
  recordings: Schemas["RecordingItem"][];
  timeline: Schemas["ChronicleItem"] | null;
  /** Who listened; null for who may not know. */
  listens: { listens: Listen[]; more: boolean } | null;
  /** What could not be had, and why. */
  trouble: string;
}

/** Looks a call up; `null` if nothing at all is known of it. */
export async function lookUp(id: string): Promise<Known | null> {
  const path = { id };
  const [call, timeline, listens, rows] = await Promise.all([
    got(api.GET("/v1/calls/{id}", { params: { path } })).catch(() => null),
    got(api.GET("/v1/calls/{id}/timeline", { params: { path } })).catch(() => null),
    may("read_audit") ? listensTo(id).catch(() => null) : null,
    got(api.GET("/v1/recordings", { params: { query: { call: id, copies: "all" } } })),
  ]);
  const troubles: string[] = [];
  const each = rows.items.map((row) =>
    got(api.GET("/v1/recordings/{id}", { params: { path: { id: row.id } } })).catch((error) => {
      troubles.push(said(error));
      return null;
    }),
  );
  const recordings = (await Promise.all(each)).filter((it) => it !== null);
  if (!call && !timeline && !recordings.length) return null;
  return { call, recordings: recordings.toReversed(), timeline, listens, trouble: troubles.join(" ") };
}
