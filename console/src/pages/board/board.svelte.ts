//! The board's rows, kept up by events: what an event is about is asked for by itself; many at once are one look at all.

import { api, got, said } from "../../api/client";
import { hear, type Happened } from "../../events.svelte";
import { type Agent, type Call, rowsOf, type Row } from "./rows";

// Events are gathered for so long.
const GATHER_MS = 250;
// So many things are asked for one by one; more of them are a look at everything,
const ONE_BY_ONE = 40;
// and that comes at most this often.
const WHOLE_EVERY_MS = 3_000;

const KINDS = ["call", "recording.started", "recording.reaches", "recording.stopped", "recording.failed", "blackout", "agent"];

/** Agents and calls as they are. */
export class Board {
  private agents = new Map<number, Agent>();
  private calls = new Map<string, Call>();
  // Which call a recording is of: events of recordings name nothing else.
  private callOf = new Map<string, string>();
  private dirtyCalls = new Set<string>();
  private dirtyAgents = new Set<number>();
  private whole = true;
  private wholeAt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private busy = false;

  /** The rows, in order. */
  rows = $state.raw<Row[]>([]);
  /** How many live calls there are, listed or not. */
  total = $state(0);
  /** Whether anything was heard from the recorder. */
  known = $state(false);
  /** What went wrong with the last look. */
  trouble = $state("");

  /** Follows what happens; gives what ends it. */
  follow(): () => void {
    this.look();
    const end = hear([...KINDS, "resync"], (event) => this.take(event));
    return () => {
      end();
      if (this.timer) clearTimeout(this.timer);
      this.timer = null;
    };
  }

  /** Looks at everything anew. */
  look(): void {
    this.whole = true;
    this.wholeAt = 0;
    this.soon(0);
  }

  /** Looks again at one agent or call, and waits for it. */
  async lookAt(row: Row): Promise<void> {
    await Promise.all([row.agent && this.askAgent(row.agent.id), row.call && this.askCall(row.call.id)]);
    this.show();
  }

  private take(event: Happened): void {
    if (event.kind === "resync") return this.look();
    if (event.kind === "agent.removed") for (const id of event.agents ?? []) this.agents.delete(id);
    else for (const id of event.agents ?? []) this.dirtyAgents.add(id);
    const call = event.call ?? (event.recording && this.callOf.get(event.recording));
    if (call) this.dirtyCalls.add(call);
    // Some name only the call: its agents do something else then.
    for (const id of (call && this.calls.get(call)?.agents) || []) this.dirtyAgents.add(id);
    // A blackout of a phone, by whichever call it lies on.
    if (!call && event.device) {
      for (const call of this.calls.values()) if (call.device === event.device) this.dirtyCalls.add(call.id);
    }
    this.soon(GATHER_MS);
  }

  private soon(ms: number): void {
    if (this.busy) return;
    if (ms === 0 && this.timer) {
      clearTimeout(this.timer);
      this.timer = null;
    }
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.refresh();
    }, ms);
  }

  private async refresh(): Promise<void> {
    this.busy = true;
    if (this.dirtyCalls.size + this.dirtyAgents.size > ONE_BY_ONE) this.whole = true;
    const wait = this.whole ? this.wholeAt + WHOLE_EVERY_MS - Date.now() : 0;
    try {
      if (wait <= 0) await (this.whole ? this.askAll() : this.askDirty());
      this.trouble = "";
    } catch (error) {
      this.trouble = said(error);
    }
    this.busy = false;
    if (wait > 0) this.soon(wait);
    else if (this.whole || this.dirtyCalls.size || this.dirtyAgents.size) this.soon(this.trouble ? WHOLE_EVERY_MS : GATHER_MS);
  }

  private async askAll(): Promise<void> {
    this.whole = false;
    this.wholeAt = Date.now();
    this.dirtyCalls.clear();
    this.dirtyAgents.clear();
    const [agents, calls] = await Promise.all([
      got(api.GET("/v1/agents")),
      got(api.GET("/v1/calls", { params: { query: { state: "live" } } })),
    ]);
    this.agents = new Map(agents.items.map((it) => [it.id, it]));
    this.calls.clear();
    this.callOf.clear();
    for (const call of calls.items) this.keep(call);
    this.total = calls.total;
    this.show();
  }

  private async askDirty(): Promise<void> {
    const calls = [...this.dirtyCalls];
    this.dirtyCalls.clear();
    await Promise.all(calls.map((id) => this.askCall(id)));
    for (const id of calls) {
      for (const agent of this.calls.get(id)?.agents ?? []) this.dirtyAgents.add(agent);
    }
    const agents = [...this.dirtyAgents];
    this.dirtyAgents.clear();
    await Promise.all(agents.map((id) => this.askAgent(id)));
    this.show();
  }

  private async askAgent(id: number): Promise<void> {
    const { data, response } = await api.GET("/v1/agents/{id}", { params: { path: { id } } });
    if (data) this.agents.set(id, data);
    else if (response.status === 404) this.agents.delete(id);
  }

  private async askCall(id: string): Promise<void> {
    const { data } = await api.GET("/v1/calls/{id}", { params: { path: { id } } });
    const known = this.calls.has(id);
    if (data && data.state !== "ended") this.keep(data);
    else this.drop(id);
    this.total += Number(this.calls.has(id)) - Number(known);
  }

  private keep(call: Call): void {
    this.calls.set(call.id, call);
    for (const recording of call.recordings) this.callOf.set(recording.id, call.id);
  }

  private drop(id: string): void {
    for (const recording of this.calls.get(id)?.recordings ?? []) this.callOf.delete(recording.id);
    this.calls.delete(id);
  }

  private show(): void {
    this.rows = rowsOf(this.agents.values(), this.calls);
    this.known = true;
  }
}
