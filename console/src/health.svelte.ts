//! How the recorder is: whether it can record, and what somebody should see to.

import { api, type Schemas } from "./api/client";
import { lookAgain } from "./events.svelte";
import { may } from "./session.svelte";

let ready = $state.raw<Schemas["Ready"] | null>(null);
let alarms = $state.raw<Schemas["AlarmItem"][]>([]);

/** Whether it can record; null until it was asked. */
export function readiness(): Schemas["Ready"] | null {
  return ready;
}

/** What somebody should see to, the worst first. */
export function activeAlarms(): Schemas["AlarmItem"][] {
  return alarms;
}

async function look(): Promise<void> {
  // 503 says the same as 200, with its reasons.
  const [is, list] = await Promise.all([api.GET("/readyz"), may("see_health") ? api.GET("/v1/alarms") : null]).catch(() => [null, null]);
  if (is) ready = (is.data ?? is.error ?? null) as Schemas["Ready"] | null;
  alarms = list?.data?.items ?? (may("see_health") ? alarms : []);
}

/** Keeps both up to date; gives what ends it. */
export function watchHealth(): () => void {
  return lookAgain(["alarm"], () => void look());
}
