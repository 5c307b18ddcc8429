//! Instants, lengths and numbers as people read them, in the language and zone of the browser.

const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** `1:02:03` or `02:03`, of milliseconds. */
export function length(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000 + 1e-6));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** The same with tenths, for places in a recording. */
export function exactly(ms: number): string {
  return `${length(ms)}.${Math.floor((Math.max(0, ms) % 1000) / 100)}`;
}

/** Day and time of an RFC 3339 text. */
export function instant(text: string): string {
  return dayAndTime.format(new Date(text));
}

/** The time of day of it. */
export function clock(text: string | Date): string {
  return time.format(new Date(text));
}

/** The day of it. */
export function date(text: string | Date): string {
  return day.format(new Date(text));
}

/** The day it is, seen from now: today by the time alone. */
export function when(text: string, now = new Date()): string {
  const then = new Date(text);
  return then.toDateString() === now.toDateString() ? time.format(then) : dayAndTime.format(then);
}

/** A sentence of the recorder's as it stands by itself: with a capital letter, and a full stop behind it. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** Bytes in the unit that fits. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at += 1;
  }
  return `${at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[at]}`;
}

/** What stands for the person in an address: no scheme, no host (RFC 3261 section 19.1). */
export function userOf(address: string): string {
  return address.replace(/^(sips?|tel):/i, "").split(/[@;]/)[0] ?? address;
}

/** A call's number as those who read it think of it: that of the other side. */
export function otherNumber(call: {
  direction?: string | null | undefined;
  ani?: string | null | undefined;
  dnis?: string | null | undefined;
  device?: string | null | undefined;
  parties: { address: string }[];
}): string {
  const known = call.direction === "O" ? call.dnis || call.ani : call.ani || call.dnis;
  const others = call.parties.map((party) => userOf(party.address)).filter((user) => user !== call.device);
  return known || others.join(", ");
}
