//! How loud the legs of the calls in sight are: one stream of server-sent events for those calls, and none while nobody looks.

import { SvelteMap } from "svelte/reactivity";

/** How loud a leg is (`GET /v1/levels`). */
export interface LegLevel {
  leg: number;
  /** 0 is as loud as can be, -127 is silence. */
  dbov: number;
}

// Rows come and go while one scrolls: what is in sight then is asked for after so long.
const SETTLE_MS = 400;
// How long until a stream that was refused is asked for again.
const AGAIN_MS = 10_000;
// The recorder takes no more at once.
const MOST = 64;
// Who wants less motion sees levels change this seldom.
const CALM_MS = 1_500;

export class Levels {
  private readonly known = new SvelteMap<string, LegLevel[]>();
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private stream: EventSource | null = null;
  private wanted = "";
  private watched = "";
  private due: ReturnType<typeof setTimeout> | null = null;
  private told = new Map<string, LegLevel[]>();
  private showing: ReturnType<typeof setTimeout> | null = null;
  private shownAt = 0;

  /** The legs of a call that something is known of. */
  of(call: string): LegLevel[] {
    return this.known.get(call) ?? [];
  }

  /** From now on these calls are in sight. */
  watch(calls: string[]): void {
    this.wanted = calls.slice(0, MOST).toSorted().join(",");
    this.soon(SETTLE_MS);
  }

  /** Follows the calls in sight while the page is looked at; gives what ends it. */
  follow(): () => void {
    const seen = () => this.soon(0);
    document.addEventListener("visibilitychange", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      if (this.due) clearTimeout(this.due);
      if (this.showing) clearTimeout(this.showing);
      this.wanted = "";
      this.open();
    };
  }

  private forget(): void {
    this.told.clear();
    this.known.clear();
  }

  private soon(ms: number): void {
    if (this.due) clearTimeout(this.due);
    this.due = setTimeout(() => this.open(), ms);
  }

  private open(): void {
    this.due = null;
    const calls = document.visibilityState === "hidden" ? "" : this.wanted;
    if (calls === this.watched && (!calls || this.stream)) return;
    this.stream?.close();
    this.stream = null;
    this.watched = calls;
    if (!calls) return this.forget();
    const stream = new EventSource(`/v1/levels?calls=${calls}`);
    this.stream = stream;
    stream.addEventListener("levels", (event) => this.take((event as MessageEvent<string>).data));
    stream.addEventListener("error", () => {
      // What was heard last says nothing of now.
      this.forget();
      if (stream.readyState !== EventSource.CLOSED || this.stream !== stream) return;
      this.stream = null;
      this.soon(AGAIN_MS);
    });
  }

  private take(data: string): void {
    const { calls } = JSON.parse(data) as { calls: { call: string; legs: LegLevel[] }[] };
    this.told = new Map(calls.map((it) => [it.call, it.legs]));
    // Nothing of a call that went dark stays, however calm the page.
    for (const call of this.known.keys()) if (!this.told.has(call)) this.known.delete(call);
    const wait = this.calm.matches ? this.shownAt + CALM_MS - Date.now() : 0;
    if (wait <= 0) return this.show();
    for (const [call, legs] of this.told) if (this.known.get(call)?.length !== legs.length) this.known.set(call, legs);
    this.showing ??= setTimeout(() => this.show(), wait);
  }

  private show(): void {
    if (this.showing) clearTimeout(this.showing);
    this.showing = null;
    this.shownAt = Date.now();
    for (const [call, legs] of this.told) this.known.set(call, legs);
  }
}
