//! Who is at the screen, for what goes on record. Where a login is asked the recorder knows better, and says so.

const KEY = "name";

let name = $state(localStorage.getItem(KEY) ?? "");

/** The name that goes on record. */
export function personName(): string {
  return name;
}

/** Says it; it stays in this browser. */
export function sayName(said: string): void {
  name = said;
  localStorage.setItem(KEY, said);
}
