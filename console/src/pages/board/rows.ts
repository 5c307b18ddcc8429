//! What stands on the board: a row for each agent, and one for each phone on a call that is nobody's.

import type { Schemas } from "../../api/client";
import { userOf } from "../../format";

export type Agent = Schemas["AgentItem"];
export type Call = Schemas["CallSummary"];
export type CallRecording = Call["recordings"][number];

/** How it stands with a row. */
export type State = "recorded" | "dark" | "held_back" | "unrecorded" | "idle";

/** A row. */
export interface Row {
  /** `agent-7`, or `call-` and the call's id. */
  key: string;
  agent: Agent | null;
  /** The phone the call is on, or that the agent sits at. */
  device: string;
  call: Call | null;
  /** Other live calls of the agent. */
  others: Call[];
  state: State;
  /** Since when it is dark, RFC 3339. */
  darkSince: string | null;
  /** Why it is recorded, or is not. */
  why: string;
  /** What a search looks at, in small letters. */
  words: string;
  /** By what it is put in order. */
  order: string;
}

/** The recording that is being made of a call. */
export function recordingNow(call: Call | null): CallRecording | null {
  return call?.recordings.findLast((it) => it.state === "recording" || it.state === "pending") ?? null;
}

/** The rows: those on a call first, by name. */
export function rowsOf(agents: Iterable<Agent>, calls: Map<string, Call>): Row[] {
  const mine = new Map<number, Call[]>();
  const rows: Row[] = [];
  for (const call of calls.values()) {
    if (call.state === "ended") continue;
    for (const id of call.agents) {
      const list = mine.get(id);
      if (list) list.push(call);
      else mine.set(id, [call]);
    }
    if (call.agents.length === 0) rows.push(row(null, call, []));
  }
  for (const agent of agents) {
    const active = agent.active_call && agent.active_call.state !== "ended" ? agent.active_call : null;
    const all = mine.get(agent.id) ?? [];
    // The call as it was heard of last, by whichever way.
    const call = (active && (calls.get(active.id) ?? active)) ?? all[0] ?? null;
    rows.push(row(agent, call, all.filter((it) => it.id !== call?.id)));
  }
  return rows.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
}

function row(agent: Agent | null, call: Call | null, others: Call[]): Row {
  const device = call?.device ?? agent?.phone ?? "";
  const name = agent ? agent.name || agent.username : device;
  const people = call?.parties.map((it) => `${it.name} ${it.address}`).join(" ") ?? "";
  const fields = call ? Object.values(call.fields as Record<string, string>).join(" ") : "";
  return {
    key: agent ? `agent-${agent.id}` : `call-${call?.id}`,
    agent,
    device,
    call,
    others,
    ...standing(agent, call),
    words: `${name} ${agent?.id ?? ""} ${agent?.username ?? ""} ${agent?.phone ?? ""} ${device} ${people} ${fields}`.toLowerCase(),
    order: `${call ? 0 : 1}${agent ? 0 : 1}${name.toLowerCase()}\u0000${String(agent?.id ?? 0).padStart(10, "0")}`,
  };
}

function standing(agent: Agent | null, call: Call | null): { state: State; darkSince: string | null; why: string } {
  const recording = recordingNow(call);
  const open = recording?.blackouts.findLast((it) => !it.until)?.from ?? null;
  const darkSince = agent?.blackout_since ?? (recording?.dark ? open : null);
  if (!call) return { state: "idle", darkSince, why: "" };
  if (recording?.dark || (agent?.blackout_since && recording)) return { state: "dark", darkSince: darkSince ?? recording.started, why: recording.why };
  if (recording) return { state: "recorded", darkSince: null, why: recording.why };
  const last = call.recordings.at(-1);
  const why = last?.why_stopped ?? call.ruling?.why ?? "";
  return { state: call.held_back_since ? "held_back" : "unrecorded", darkSince, why };
}

/** What of the rows is to be seen. */
export interface Filter {
  text: string;
  unit: string;
  state: string;
}

/** Those that fit, whatever their state. */
export function fitting(rows: Row[], filter: Filter): Row[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((it) => {
    if (filter.unit && String(unitOf(it)) !== filter.unit) return false;
    return words.every((word) => it.words.includes(word));
  });
}

/** Whether a row is in a state that was chosen: one of the states, or `call` for all that talk. */
export function isIn(row: Row, state: string): boolean {
  if (!state) return true;
  if (state === "call") return row.call !== null;
  if (state === "dark") return row.darkSince !== null;
  return row.state === state;
}

/** The business unit a row belongs to. */
export function unitOf(row: Row): number {
  return row.agent?.business_unit || row.call?.business_unit || 0;
}

/** Whom a call is with, seen from its phone: names and numbers, as they came. */
export function withWhom(call: Call): { name: string; number: string }[] {
  return call.parties
    .map((it) => ({ name: it.name, number: userOf(it.address) }))
    .filter((it) => it.number !== call.device);
}

/** Whether levels of a row are told: it is recorded, and not dark. */
export function isHeard(row: Row): boolean {
  return row.call !== null && row.state === "recorded" && row.darkSince === null;
}
