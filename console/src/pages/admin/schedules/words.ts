//! A schedule in words.

import type { Schemas } from "../../../api/client";
import { t } from "../../../texts";

export type Schedule = Schemas["ScheduleItem"];

const s = t.admin.schedules;

/** How it chooses. */
export function kindOf(kind: Schemas["ScheduleKind"]): string {
  return s.kinds[kind.type]?.(kind.count ?? kind.percent ?? 0, kind.per ?? "") ?? kind.type;
}

/** Which calls it is for, a phrase for each condition. */
export function matchOf(match: Schemas["ScheduleMatch"]): string[] {
  const phrases: string[] = [];
  const list = (name: keyof typeof s.match, values: readonly unknown[] | null | undefined) => {
    if (values?.length) phrases.push(`${s.match[name]} ${values.join(", ")}`);
  };
  list("agents", match.agents);
  list("business_units", match.business_units);
  list("devices", match.devices);
  list("ani", match.ani);
  list("dnis", match.dnis);
  list("gates", match.gates);
  list("skill_groups", match.skill_groups);
  list("trunks", match.trunks);
  if (match.direction) phrases.push(s.directions[match.direction] ?? match.direction);
  for (const hours of match.hours ?? []) phrases.push(`${hours.days?.map((day) => day.slice(0, 3)).join(", ") ?? s.everyDay} ${hours.from}–${hours.to}`);
  return phrases;
}

/** How long what it keeps is kept. */
export function keepOf(days: number | null | undefined): string {
  return days === null || days === undefined ? s.forEver : s.days(days);
}
