//! What happens, as it happens: one stream of server-sent events for the whole console, and whether it is there.
//! A browser that lost it asks again with the last event it has had, and gets what came meanwhile.

import { untrack } from "svelte";

import { hasToSignIn, lookWho } from "./session.svelte";

/** What an event says (`GET /v1/events`). */
export interface Happened {
  kind: string;
  at?: string;
  call?: string;
  recording?: string;
  agents?: number[];
  device?: string;
  why?: string;
  fields?: string[];
}

const KINDS = [
  "call.began", "call.described", "call.held", "call.resumed", "call.tagged", "call.not_recorded", "call.ended",
  "recording.started", "recording.reaches", "recording.stopped", "recording.sealed", "recording.failed", "recording.redacted",
  "recording.annotated", "recording.exported", "recording.archived", "recording.marked", "recording.restored", "recording.erased",
  "recording.restricted", "recording.unrestricted", "hold.placed", "hold.released", "blackout.opened", "blackout.overdue",
  "blackout.closed", "agent.put", "agent.removed", "schedule.put", "schedule.removed", "archive_action.put", "alarm",
] as const;

// How long until a stream that the browser has given up is asked for again.
const AGAIN_MS = 2_000;

type Listener = (event: Happened) => void;

const listeners = new Set<{ kinds: string[]; hear: Listener }>();
let lostSince = $state.raw<Date | null>(null);
let stream: EventSource | null = null;
let again: ReturnType<typeof setTimeout> | undefined;

/** Since when the recorder gives no answer; null while it does. */
export function connectionLostSince(): Date | null {
  return lostSince;
}

/** Hears events of these kinds or families (`call`, `call.began`), and `resync` whenever something may have been
 *  missed: then ask for the lists anew. Gives what ends it; call it from an `$effect`. */
export function hear(kinds: string[], hears: Listener): () => void {
  const listener = { kinds, hear: hears };
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** As [`hear`], for what only wants to look again: many events in a row are one look, at once and at most each 150 ms. */
export function lookAgain(kinds: string[], look: () => void): () => void {
  let due: ReturnType<typeof setTimeout> | null = null;
  const end = hear([...kinds, "resync"], () => {
    due ??= setTimeout(() => {
      due = null;
      look();
    }, 150);
  });
  return () => {
    if (due) clearTimeout(due);
    end();
  };
}

function tell(event: Happened): void {
  const family = event.kind.split(".")[0] ?? "";
  for (const { kinds, hear } of listeners) {
    if (kinds.includes(event.kind) || kinds.includes(family)) hear(event);
  }
}

/** Opens the stream; it stays open, or comes back, until the page is left. For who has to sign in first it is opened once they call
 *  this again. */
export function follow(): void {
  stream?.close();
  clearTimeout(again);
  // Whoever calls this is not to call it again because somebody else is here.
  if (untrack(hasToSignIn)) {
    // Where nothing is told nothing is lost.
    lostSince = null;
    return;
  }
  stream = new EventSource("/v1/events");
  let wasOpen = false;
  stream.addEventListener("open", () => {
    const back = lostSince !== null || !wasOpen;
    wasOpen = true;
    lostSince = null;
    if (back) tell({ kind: "resync" });
  });
  for (const kind of KINDS) {
    stream.addEventListener(kind, (event) => {
      tell({ ...(JSON.parse((event as MessageEvent<string>).data) as object), kind });
    });
  }
  for (const kind of ["missed", "restarted"]) stream.addEventListener(kind, () => tell({ kind: "resync" }));
  stream.addEventListener("error", () => {
    lostSince ??= new Date();
    if (stream?.readyState !== EventSource.CLOSED) return;
    // It was refused, not lost: a login may be missing, which asking for something else finds out.
    void lookWho();
    again = setTimeout(follow, AGAIN_MS);
  });
}

addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) follow();
});
