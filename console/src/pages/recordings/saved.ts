//! Searches somebody wants to come back to. They are kept with the account, so that nothing of a caller stays in the browser when
//! somebody signs out. Where nobody is asked who they are, they stay in this browser.

import { api, got } from "../../api/client";
import { whoAmI } from "../../session.svelte";

const KEY = "searches";
const MOST = 50;

/** A search with a name. */
export interface Saved {
  name: string;
  text: string;
}

const hasAccount = () => whoAmI()?.kind === "person";

/** All of them, by name. */
export async function saved(): Promise<Saved[]> {
  if (!hasAccount()) return ofBrowser();
  const { items } = await got(api.GET("/v1/session/searches"));
  // What was saved before there was an account is its owner's, if they have none there yet.
  const here = ofBrowser();
  if (!here.length) return items;
  return items.length ? (localStorage.removeItem(KEY), items) : store(here);
}

/** Saves one; of one name there is one. */
export async function save(search: Saved): Promise<Saved[]> {
  const others = (await saved()).filter((it) => it.name !== search.name);
  return store([...others, search].slice(-MOST));
}

/** Forgets one. */
export async function forget(name: string): Promise<Saved[]> {
  return store((await saved()).filter((it) => it.name !== name));
}

function ofBrowser(): Saved[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(stored)) return [];
    return stored.filter((it): it is Saved => typeof it?.name === "string" && typeof it?.text === "string");
  } catch {
    return [];
  }
}

async function store(searches: Saved[]): Promise<Saved[]> {
  const items = searches.toSorted((a, b) => a.name.localeCompare(b.name));
  if (hasAccount()) {
    await got(api.PUT("/v1/session/searches", { body: { items } }));
    localStorage.removeItem(KEY);
  } else localStorage.setItem(KEY, JSON.stringify(items));
  return items;
}
