//! Why somebody listens, or takes recordings away, where the recorder asks that (`audit.ask_reason`). It is asked once for a
//! recording while the page is open, and kept nowhere but in its memory: whoever comes after finds nothing of it.

import { whoAmI } from "./session.svelte";

// So many are offered again.
const MOST = 5;

/** What is being asked. */
interface Asking {
  answer: (reason: string | null) => void;
}

let asking = $state.raw<Asking | null>(null);
let lately = $state.raw<string[]>([]);
let given = $state.raw(new Map<string, string>());
let whose = "";

/** Whether the recorder asks. */
export function asksReason(): boolean {
  return whoAmI()?.asks_reason ?? false;
}

/** What is being asked now; null if nothing is. */
export function reasonAsked(): Asking | null {
  return asking;
}

/** What was said lately, the newest first. */
export function latelySaid(): string[] {
  own();
  return lately;
}

/** What was said for a recording; empty if nothing was yet. */
export function reasonOf(recording: string): string {
  own();
  return given.get(recording) ?? "";
}

/** Keeps what was said for recordings, so that it is not asked again. */
export function keepReason(recordings: string[], said: string): void {
  own();
  const reason = said.trim();
  if (!reason) return;
  given = new Map([...given, ...recordings.map((it) => [it, reason] as const)]);
  lately = [reason, ...lately.filter((it) => it !== reason)].slice(0, MOST);
}

/** The reason for a recording: what was said before, else what is said now. Empty where nobody asks; null if it is not said. */
export async function reasonFor(recording: string): Promise<string | null> {
  if (!asksReason()) return "";
  if (reasonOf(recording)) return reasonOf(recording);
  asking?.answer(null);
  const said = await new Promise<string | null>((answer) => {
    asking = {
      answer: (reason) => {
        asking = null;
        answer(reason);
      },
    };
  });
  if (said) keepReason([recording], said);
  return said?.trim() || null;
}

/** An address with a reason in it. */
export function because(href: string, reason: string): string {
  return reason ? `${href}${href.includes("?") ? "&" : "?"}${new URLSearchParams({ reason })}` : href;
}

/** Leads on with a reason where one is asked; to be called when a link to a file of a recording is followed. */
export async function followBecause(event: MouseEvent, recording: string): Promise<void> {
  if (!asksReason()) return;
  const link = event.currentTarget as HTMLAnchorElement;
  const href = link.getAttribute("href") ?? "";
  event.preventDefault();
  const reason = await reasonFor(recording);
  if (!reason) return;
  const led = document.createElement("a");
  led.href = because(href, reason);
  led.download = "";
  led.click();
}

// What one has said is not told to another who signs in on the same page.
function own(): void {
  const name = whoAmI()?.name ?? "";
  if (name === whose) return;
  whose = name;
  lately = [];
  given = new Map();
}
