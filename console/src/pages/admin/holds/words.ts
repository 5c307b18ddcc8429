//! What a hold asks for, in words.

import type { Schemas } from "../../../api/client";
import { instant } from "../../../format";
import { t } from "../../../texts";

const h = t.admin.holds;

/** The conditions of a hold's query. */
export function queryOf(query: Schemas["HoldQuery"]): string {
  const parts: string[] = [];
  if (query.agent) parts.push(`${h.agent} ${query.agent}`);
  if (query.number) parts.push(`${h.callers} …${query.number}`);
  if (query.text) parts.push(`“${query.text}”`);
  if (query.from) parts.push(`${h.from} ${instant(query.from)}`);
  if (query.to) parts.push(`${h.to} ${instant(query.to)}`);
  return parts.join(", ");
}
