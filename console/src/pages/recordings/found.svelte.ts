//! The rows that were found: page by page as they are scrolled to, by key, so that no page costs more than the first.

import { api, got, said } from "../../api/client";
import type { Row } from "./columns";

const PAGE = 100;

/** The most rows that are held: who scrolls further wants a narrower search. */
export const ROWS_MAX = 20_000;

/** What a search has found so far. */
export class Found {
  rows = $state.raw<Row[]>([]);
  /** Whether there are more. */
  more = $state(false);
  busy = $state(true);
  trouble = $state("");
  /** How long the recorder took for the first page, ms. */
  took = $state(0);

  private query: Record<string, string> = {};
  private cursor: string | null = null;
  private asked = new AbortController();

  /** Looks for something else. What was asked before and has not come does not count any more. */
  async search(query: Record<string, string>): Promise<void> {
    this.asked.abort();
    this.asked = new AbortController();
    this.query = query;
    this.busy = true;
    const begun = performance.now();
    const page = await this.page(null, this.asked.signal);
    if (!page) return;
    this.took = performance.now() - begun;
    this.rows = page.items;
    this.follow(page.next ?? null);
  }

  /** Brings the next page, if there is one. */
  async next(): Promise<void> {
    if (this.busy || !this.more) return;
    this.busy = true;
    const page = await this.page(this.cursor, this.asked.signal);
    if (!page) return;
    const known = new Set(this.rows.map((row) => row.id));
    this.rows = [...this.rows, ...page.items.filter((row) => !known.has(row.id))];
    this.follow(page.next ?? null);
  }

  /** Looks for what is new or has changed at the top; the rest stays as it is. */
  async refresh(): Promise<void> {
    const page = await this.page(null, this.asked.signal);
    if (!page) return;
    this.busy = false;
    const fresh = new Map(page.items.map((row) => [row.id, row]));
    const rest = this.rows.filter((row) => !fresh.has(row.id));
    // Whatever of the first page is gone was erased, or does not fit any more.
    const last = page.items.at(-1);
    const older = page.next ? rest.filter((row) => last !== undefined && row.started <= last.started) : [];
    const had = this.rows.length > 0;
    this.rows = [...page.items, ...older];
    if (!had || !page.next) this.follow(page.next ?? null);
  }

  private follow(cursor: string | null): void {
    this.cursor = cursor;
    this.more = cursor !== null && this.rows.length < ROWS_MAX;
    this.busy = false;
  }

  private async page(cursor: string | null, signal: AbortSignal) {
    const query = { ...this.query, limit: PAGE, ...(cursor ? { cursor } : {}) };
    try {
      const page = await got(api.GET("/v1/recordings", { params: { query: query as object }, signal }));
      this.trouble = "";
      return signal.aborted ? null : page;
    } catch (error) {
      if (!signal.aborted) {
        this.trouble = said(error);
        this.busy = false;
      }
      return null;
    }
  }
}
