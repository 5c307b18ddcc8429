//! Light or dark: as the system has it, unless somebody chose. The choice stays in this browser.

const KEY = "looks";

/** What can be chosen. */
export type Looks = "auto" | "light" | "dark";

const stored = localStorage.getItem(KEY);
let looks = $state<Looks>(stored === "light" || stored === "dark" ? stored : "auto");

/** What is chosen. */
export function chosenLooks(): Looks {
  return looks;
}

/** Chooses. */
export function chooseLooks(wanted: Looks): void {
  looks = wanted;
  if (wanted === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, wanted);
  apply();
}

function apply(): void {
  if (looks === "auto") delete document.documentElement.dataset["looks"];
  else document.documentElement.dataset["looks"] = looks;
}

apply();
