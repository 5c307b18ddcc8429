//! Commands from the board. A row shows what the recorder has answered: that a command was asked for says nothing.

import { SvelteMap } from "svelte/reactivity";

import { api, got, said, type Schemas } from "../../api/client";
import { t } from "../../texts";
import type { Row } from "./rows";

/** What can be commanded. */
export type Command = "start" | "stop" | "blackout" | "lift";

/** How a row's last command stands. */
export interface Told {
  state: "asked" | "done" | "refused";
  what: string;
}

// An answer stands for so long; a refusal until the next command.
const STANDS_MS = 8_000;

const told = new SvelteMap<string, Told>();
const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** How the last command of a row stands. */
export function toldOf(key: string): Told | null {
  return told.get(key) ?? null;
}

/** Takes away what stands there. */
export function forget(key: string): void {
  told.delete(key);
}

/** Commands it, and waits for the answer. */
export async function command(row: Row, what: Command): Promise<void> {
  await asking(row.key, t.board.asked[what], async () => {
    const is = await send(row, what);
    const [fine, says] = outcome(is, what);
    return { state: fine ? "done" : "refused", what: says };
  });
}

/** Writes fields into the row's call; an empty text clears one. Gives whether it was done. */
export async function tag(row: Row, fields: Record<string, string>): Promise<boolean> {
  return asking(row.key, t.board.asked.tag, async () => {
    const instance = row.call ? { CallInstance: row.call.call_instance } : {};
    const body = { ...instance, CallMetadata: fields };
    const is = row.agent
      ? await got(api.POST("/api/Record/UpdateForAgent", { body: { AgentIdentifier: "Id", Value: row.agent.id, ...body } }))
      : await got(api.POST("/api/Record/UpdateForDevice", { body: { DeviceId: row.device, ...body } }));
    const calls = [is.ActiveCall, ...is.InactiveCalls].filter((it) => it?.CallInstance === row.call?.call_instance);
    const stands = (calls[0]?.Metadata ?? {}) as Record<string, string>;
    const changed = Object.entries(fields).filter(([name, value]) => stands[name] !== value).map(([name]) => name);
    return { state: "done", what: changed.length ? t.board.answer.struck(changed) : t.board.answer.tagged };
  });
}

async function asking(key: string, what: string, ask: () => Promise<Told>): Promise<boolean> {
  clearTimeout(timers.get(key));
  told.set(key, { state: "asked", what });
  let is: Told;
  try {
    is = await ask();
  } catch (error) {
    is = { state: "refused", what: said(error) };
  }
  told.set(key, is);
  if (is.state === "done") timers.set(key, setTimeout(() => told.delete(key), STANDS_MS));
  return is.state === "done";
}

function send(row: Row, what: Command): Promise<Schemas["AgentObject"]> {
  if (row.agent) {
    const body = { AgentIdentifier: "Id", Value: row.agent.id };
    if (what === "start") return got(api.POST("/api/Record/StartForAgent", { body }));
    if (what === "stop") return got(api.POST("/api/Record/StopForAgent", { body }));
    if (what === "blackout") return got(api.POST("/api/Blackout/StartForAgent", { body }));
    return got(api.POST("/api/Blackout/StopForAgent", { body }));
  }
  const body = { DeviceId: row.device };
  if (what === "start") return got(api.POST("/api/Record/StartForDevice", { body }));
  if (what === "stop") return got(api.POST("/api/Record/StopForDevice", { body }));
  if (what === "blackout") return got(api.POST("/api/Blackout/StartForDevice", { body }));
  return got(api.POST("/api/Blackout/StopForDevice", { body }));
}

// Whether what was wanted is so now, and how it is, by the recorder's answer.
function outcome(is: Schemas["AgentObject"], what: Command): [boolean, string] {
  const states = (is.ActiveCall?.Recordings ?? []).map((it) => it.RecordingState);
  const made = states.find((it) => it === "Recording" || it === "Blackout" || it === "Pending");
  const a = t.board.answer;
  switch (what) {
    case "blackout":
      return is.BlackoutActive ? [true, is.ActiveCall ? a.dark : a.darkNext] : [false, a.notDark];
    case "lift":
      return is.BlackoutActive ? [false, a.stillDark] : [true, a.lit];
    case "start":
      if (!made) return [false, a.notStarted];
      return [true, made === "Pending" ? a.pending : made === "Blackout" ? a.startedDark : a.started];
    case "stop":
      return made ? [false, a.notStopped] : [true, a.stopped];
  }
}
