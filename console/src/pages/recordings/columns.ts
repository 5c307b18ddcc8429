//! The columns of the list: which there are, and which somebody wants to see. The choice stays in this browser.

import type { Schemas } from "../../api/client";
import { date, instant, length, otherNumber, when } from "../../format";
import { t } from "../../texts";

/** A row of the list. */
export type Row = Schemas["RecordingSummary"];

/** A column. */
export interface Column {
  name: string;
  label: string;
  /** What stands in it. */
  text: (row: Row) => string;
  /** Whether it is numbers, which stand under each other. */
  number?: boolean;
  /** Its width, as CSS has it. */
  width: string;
}

const fields: Column[] = Array.from({ length: 15 }, (_, at) => {
  const name = `user${at + 1}`;
  return { name, label: name, text: (row) => (row.fields as Record<string, string>)[name] ?? "", width: "minmax(6rem, 1fr)" };
});

const c = t.recordings.columns;

/** All columns, in the order they stand in. */
export const columns: Column[] = [
  { name: "started", label: c.started, text: (row) => when(row.started), number: true, width: "11.5rem" },
  { name: "agent", label: c.agent, text: (row) => row.agent_name || row.device || "", width: "minmax(8rem, 1.2fr)" },
  { name: "number", label: c.number, text: otherNumber, number: true, width: "minmax(8rem, 1fr)" },
  { name: "length", label: c.length, text: (row) => length(row.duration_ms), number: true, width: "4.5rem" },
  { name: "about", label: c.about, text: () => "", width: "minmax(9rem, 1.4fr)" },
  { name: "ended", label: c.ended, text: (row) => instant(row.ended), number: true, width: "11.5rem" },
  { name: "device", label: c.device, text: (row) => row.device ?? "", number: true, width: "7rem" },
  { name: "dnis", label: c.dnis, text: (row) => row.dnis ?? "", number: true, width: "9rem" },
  { name: "unit", label: c.unit, text: (row) => String(row.business_unit || ""), number: true, width: "5rem" },
  { name: "ident", label: c.ident, text: (row) => String(row.ident), number: true, width: "5rem" },
  { name: "kept", label: c.kept, text: (row) => (row.custody.erased_on ? date(row.custody.erased_on) : row.retention.keep_days == null ? c.forEver : c.days(row.retention.keep_days)), width: "8rem" },
  { name: "why", label: c.why, text: (row) => row.why, width: "minmax(10rem, 1.5fr)" },
  ...fields,
];

const KEY = "columns";
const FIRST = ["started", "agent", "number", "length", "about", "user1", "user2"];

/** The columns that were chosen. */
export function chosen(): string[] {
  const stored = localStorage.getItem(KEY)?.split(",").filter((name) => columns.some((column) => column.name === name));
  return stored?.length ? stored : FIRST;
}

/** Chooses them. */
export function choose(names: string[]): void {
  localStorage.setItem(KEY, names.join(","));
}
