//! One line of text that says what is looked for, in words people use:
//!
//!     4678  rowan  agent:1  number:+15550100  user2:1234567890  yesterday  "refund promised"  category:complaint
//!     from:2026-11-23  to:"2026-11-24 12:00"  2026-11-01..2026-11-07  last week  with:note
//!
//! A pure function from text and now to the conditions of `GET /v1/recordings`; what is not understood is said.

/** A condition that was understood, as a chip shows it. */
export interface Chip {
  /** What part of the text it is. */
  from: number;
  to: number;
  /** Which condition. */
  kind: string;
  /** Its value as people read it. */
  value: string;
}

/** What the text means. */
export interface Search {
  /** Parameters of `GET /v1/recordings`. */
  query: Record<string, string>;
  chips: Chip[];
  /** What could not be understood, and what would be right. */
  faults: Fault[];
}

/** A word that is not understood. */
export interface Fault {
  word: string;
  why: "key" | "date" | "empty" | "twice" | "with" | "order";
}

interface Word {
  key: string | null;
  value: string;
  from: number;
  to: number;
}

const KEYS: Record<string, string> = {
  agent: "agent", number: "number", ani: "number", dnis: "number", text: "text", from: "from", to: "to", since: "from", until: "to",
  on: "on", category: "category", id: "known_as", known_as: "known_as", with: "annotated", copies: "copies",
  ...Object.fromEntries(Array.from({ length: 15 }, (_, at) => [`user${at + 1}`, `user${at + 1}`])),
};

/** The keys that may stand before a colon. */
export const keys: string[] = Object.keys(KEYS);

const WITH = ["bookmark", "note", "category"];

/** Reads the text; days are those of the browser's zone. */
export function read(text: string, now: Date): Search {
  const search: Search = { query: {}, chips: [], faults: [] };
  const free: string[] = [];
  const words = split(text);
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (word.key !== null) {
      keyed(word, search, now);
      continue;
    }
    const next = words[at + 1];
    const two = next && next.key === null ? `${word.value} ${next.value}`.toLowerCase() : "";
    const pair = two ? named(two, now) : null;
    const days = pair ?? range(word.value, now);
    if (days) {
      if (pair) at += 1;
      put(search, "from", days[0].toISOString());
      put(search, "to", days[1].toISOString());
      const to = pair ? next!.to : word.to;
      search.chips.push({ from: word.from, to, kind: "when", value: text.slice(word.from, to) });
    } else if (isNumber(word.value) && !("number" in search.query)) {
      put(search, "number", word.value.replace(/[\s().-]/g, ""));
      search.chips.push({ from: word.from, to: word.to, kind: "number", value: word.value });
    } else {
      free.push(word.value);
      search.chips.push({ from: word.from, to: word.to, kind: "text", value: word.value });
    }
  }
  if (free.length) search.query["text"] = [search.query["text"], ...free].filter(Boolean).join(" ");
  const { from, to } = search.query;
  if (from && to && from >= to) search.faults.push({ word: `${from} .. ${to}`, why: "order" });
  return search;
}

function keyed(word: Word, search: Search, now: Date): void {
  const named = word.key!.toLowerCase();
  // Every object has names that nobody has given it.
  const name = Object.hasOwn(KEYS, named) ? KEYS[named] : undefined;
  const shown = `${word.key}:${word.value}`;
  const fault = (why: Fault["why"]) => search.faults.push({ word: shown, why });
  if (!name) return void fault("key");
  if (!word.value) return void fault("empty");
  if (name === "on" || name === "from" || name === "to") {
    const days = range(word.value, now);
    if (!days) return void fault("date");
    // "to" a day is with that day.
    if (name !== "to" && !put(search, "from", days[0].toISOString())) return void fault("twice");
    if (name !== "from" && !put(search, "to", days[1].toISOString())) return void fault("twice");
  } else if (name === "annotated" && !WITH.includes(word.value.toLowerCase())) {
    return void fault("with");
  } else if (!put(search, name, name === "annotated" ? word.value.toLowerCase() : word.value)) {
    return void fault("twice");
  }
  search.chips.push({ from: word.from, to: word.to, kind: word.key!.toLowerCase(), value: word.value });
}

function put(search: Search, name: string, value: string): boolean {
  if (name in search.query) return false;
  search.query[name] = value;
  return true;
}

function split(text: string): Word[] {
  const words: Word[] = [];
  // key: with nothing behind it, key:"several words", key:word, "several words", word
  for (const found of text.matchAll(/([A-Za-z_]+\d*):(?=\s|$)|(?:([A-Za-z_]+\d*):)?(?:"([^"]*)"?|([^\s"]+))/g)) {
    const [all, alone, key, quoted, plain] = found;
    if (quoted?.trim() === "" && !key) continue;
    words.push({ key: key ?? alone ?? null, value: (quoted ?? plain ?? "").trim(), from: found.index, to: found.index + all.length });
  }
  return words;
}

/** Digits as telephones have them, six of them at least or with a plus: names and tags may be digits too. */
function isNumber(word: string): boolean {
  const digits = word.replace(/\D/g, "");
  return /^\+?[\d().-]+$/.test(word) && (word.startsWith("+") ? digits.length >= 3 : digits.length >= 4) && !/^\d{4}-\d/.test(word);
}

type Days = [Date, Date];

const day = (at: Date, days = 0) => new Date(at.getFullYear(), at.getMonth(), at.getDate() + days);

const UNITS: Record<string, number> = { minute: 60_000, minutes: 60_000, hour: 3_600_000, hours: 3_600_000 };

/** Spans with a name: today, yesterday, this week, last month, monday ... */
function named(text: string, now: Date): Days | null {
  const monday = day(now, -((now.getDay() + 6) % 7));
  const month = (n: number) => new Date(now.getFullYear(), now.getMonth() + n, 1);
  switch (text) {
    case "today": return [day(now), day(now, 1)];
    case "yesterday": return [day(now, -1), day(now)];
    case "this week": return [monday, day(monday, 7)];
    case "last week": return [day(monday, -7), monday];
    case "this month": return [month(0), month(1)];
    case "last month": return [month(-1), month(0)];
    case "last hour": return [new Date(now.getTime() - UNITS["hour"]!), now];
  }
  const weekday = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"].indexOf(text);
  if (weekday < 0) return null;
  const back = (now.getDay() - weekday + 7) % 7;
  return [day(now, -back), day(now, 1 - back)];
}

/** A day, a moment, or two of them with `..` between. */
function range(text: string, now: Date): Days | null {
  const parts = text.split("..");
  if (parts.length === 2) {
    const [from, to] = parts.map((part) => (part ? one(part, now) : undefined));
    if (from === null || to === null || (!from && !to)) return null;
    return [from?.[0] ?? new Date(0), to?.[1] ?? day(now, 1)];
  }
  return one(text, now);
}

function one(text: string, now: Date): Days | null {
  const found = named(text.toLowerCase(), now);
  if (found) return found;
  const iso = /^(\d{4})-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2}))?)?$/.exec(text);
  if (!iso) return null;
  const [year, month, date, hour, minute] = iso.slice(1).map((part) => (part === undefined ? undefined : Number(part)));
  const from = new Date(year!, month! - 1, date ?? 1, hour ?? 0, minute ?? 0);
  // 2026-02-31 is no day.
  if (from.getMonth() !== month! - 1 || (date !== undefined && from.getDate() !== date) || (hour ?? 0) > 23 || (minute ?? 0) > 59) return null;
  if (hour !== undefined) return [from, new Date(from.getTime() + 60_000)];
  return [from, date === undefined ? new Date(year!, month!, 1) : day(from, 1)];
}

/** The text without one of its conditions. */
export function without(text: string, chip: Chip): string {
  return `${text.slice(0, chip.from)} ${text.slice(chip.to)}`.replace(/\s+/g, " ").trim();
}
