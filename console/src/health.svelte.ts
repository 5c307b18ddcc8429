//! How the recorder is: whether it can record, and what somebody should see to.

import { api, type Schemas } from "./api/client";
import { lookAgain } from "./events.svelte";

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
  const [is, list] = await Promise.all([api.GET("/readyz"), api.GET("/v1/alarms")]).catch(() => [null, null]);
  if (is) ready = (is.data ?? is.error ?? null) as Schemas["Ready"] | null;
  if (list?.data) alarms = list.data.items;
}

/** Keeps both up to date; gives what ends it. */
export function watchHealth(): () => void {
  return lookAgain(["alarm"], () => void look());
}
