//! Searches somebody wants to come back to. They stay in this browser: the recorder keeps none.

const KEY = "searches";
const MOST = 50;

/** A search with a name. */
export interface Saved {
  name: string;
  text: string;
}

/** All of them, by name. */
export function saved(): Saved[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(stored)) return [];
    return stored.filter((it): it is Saved => typeof it?.name === "string" && typeof it?.text === "string");
  } catch {
    return [];
  }
}

/** Saves one; of one name there is one. */
export function save(search: Saved): Saved[] {
  const others = saved().filter((it) => it.name !== search.name);
  return store([...others, search].slice(-MOST));
}

/** Forgets one. */
export function forget(name: string): Saved[] {
  return store(saved().filter((it) => it.name !== name));
}

function store(searches: Saved[]): Saved[] {
  const sorted = searches.toSorted((a, b) => a.name.localeCompare(b.name));
  localStorage.setItem(KEY, JSON.stringify(sorted));
  return sorted;
}
