//! The time, as clocks on a page need it: one timer for all of them, and none while nobody looks.

import { createSubscriber } from "svelte/reactivity";

let current = Date.now();

const follow = createSubscriber((update) => {
  const timer = setInterval(() => {
    current = Date.now();
    update();
  }, 1_000);
  return () => clearInterval(timer);
});

/** Now, in ms; what reads it is told again each second. */
export function now(): number {
  follow();
  return Math.max(current, Date.now());
}
