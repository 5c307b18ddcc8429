//! What the recorder says is wrong with what was asked, and with which part of it (RFC 9457 and our own `parameter`, `line`).

import { said } from "../../api/client";
import { t } from "../../texts";

/** Something that was refused. */
export interface Fault {
  what: string;
  /** The field it is about, by its name on the wire. */
  parameter: string | null;
  /** The line of a file it is about, from 1. */
  line: number | null;
  status: number;
}

/** The data of an answer, or why there is none. */
export async function tried<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<{ data: T; fault: null } | { data: null; fault: Fault }> {
  try {
    const { data, error, response } = await answer;
    if (response.ok) return { data: data as T, fault: null };
    const problem = (error ?? {}) as { parameter?: string | null; line?: number | null };
    return { data: null, fault: { what: said(error), parameter: problem.parameter ?? null, line: problem.line ?? null, status: response.status } };
  } catch (error) {
    return { data: null, fault: { what: error instanceof Error ? error.message : t.connection.noAnswer, parameter: null, line: null, status: 0 } };
  }
}

/** Numbers and words with commas between. */
export function listed(text: string): string[] {
  return text.split(/[,\n]/).map((it) => it.trim()).filter(Boolean);
}

/** The same as numbers; what is none is an error of the recorder, so it goes there as it is. */
export function numbers(text: string): number[] {
  return listed(text).map((it) => (/^-?\d+$/.test(it) ? Number(it) : (it as unknown as number)));
}
