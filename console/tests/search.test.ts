import { expect, test } from "@playwright/test";

import { read, without } from "../src/pages/recordings/search";

// A Monday, in the zone of whoever runs it.
const now = new Date(2026, 10, 30, 14, 5);
const day = (date: number, month = 10) => new Date(2026, month, date).toISOString();

test("numbers, conditions and words are told apart", () => {
  const { query, faults } = read('+15550100 agent:1 user2:1234567890 refund "Rowan Pike"', now);
  expect(query).toEqual({ number: "+15550100", agent: "1", user2: "1234567890", text: "refund Rowan Pike" });
  expect(faults).toEqual([]);
});

test("digits as telephones have them are a number; a second one is a word", () => {
  expect(read("4678", now).query).toEqual({ number: "4678" });
  expect(read("(555)010-0123", now).query).toEqual({ number: "5550100123" });
  expect(read("12", now).query).toEqual({ text: "12" });
  expect(read("+15550100 5550177", now).query).toEqual({ number: "+15550100", text: "5550177" });
});

test("days have names, dates and spans, in the zone of who asks", () => {
  const spans: [string, string, string][] = [
    ["today", day(30), day(31)],
    ["yesterday", day(29), day(30)],
    ["last week", day(23), day(30)],
    ["this month", day(1), day(1, 11)],
    ["friday", day(27), day(28)],
    ["2026-11-23", day(23), day(24)],
    ["2026-11", day(1), day(1, 11)],
    ["2026-11-01..2026-11-07", day(1), day(8)],
    ["monday..", day(30), day(31)],
    ["2026-11-23T14:30", new Date(2026, 10, 23, 14, 30).toISOString(), new Date(2026, 10, 23, 14, 31).toISOString()],
  ];
  for (const [text, from, to] of spans) expect(read(text, now).query, text).toEqual({ from, to });
  expect(read('from:2026-11-23 to:"2026-11-24"', now).query).toEqual({ from: day(23), to: day(25) });
  expect(read("on:yesterday", now).query).toEqual({ from: day(29), to: day(30) });
});

test("what is not understood is named, and why", () => {
  const why = (text: string) => read(text, now).faults.map((fault) => [fault.word, fault.why]);
  expect(why("agnet:1")).toEqual([["agnet:1", "key"]]);
  expect(why("from:tomorow")).toEqual([["from:tomorow", "date"]]);
  expect(why("from:2026-02-31")).toEqual([["from:2026-02-31", "date"]]);
  expect(why("agent:")).toEqual([["agent:", "empty"]]);
  expect(why("agent:1 agent:2")).toEqual([["agent:2", "twice"]]);
  expect(why("with:everything")).toEqual([["with:everything", "with"]]);
  expect(read("from:2026-11-24 to:2026-11-20", now).faults[0]?.why).toBe("order");
});

test("names that every object has are no conditions", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
    const { query, faults } = read(`${name}:polluted`, now);
    expect(query).toEqual({});
    expect(faults.map((fault) => fault.why)).toEqual(["key"]);
  }
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("each condition can be taken away without touching the others", () => {
  const text = "  agent:1   yesterday +15550100 ";
  const { chips } = read(text, now);
  expect(chips.map((chip) => chip.kind)).toEqual(["agent", "when", "number"]);
  expect(without(text, chips[1]!)).toBe("agent:1 +15550100");
});

test("no line of text breaks it", () => {
  // A small generator with a seed: the same lines each time.
  let seed = 7;
  const next = (most: number) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  const pieces = ["agent:", "user1:", '"', "..", "2026-", "-11", "yesterday", "last", " week", "\u202e", "😀", ":", "<b>", "+", "1555", "with:", "to:", " ", "\\", "%"];
  const wrong: string[] = [];
  for (let run = 0; run < 5_000; run += 1) {
    const text = Array.from({ length: next(9) }, () => pieces[next(pieces.length)]).join("");
    const { chips, query } = read(text, now);
    if (chips.some((chip) => chip.from < 0 || chip.to > text.length || chip.from >= chip.to)) wrong.push(text);
    if (Object.values(query).some((value) => value.length === 0)) wrong.push(text);
    for (const chip of chips) read(without(text, chip), now);
  }
  expect(wrong).toEqual([]);
});
