//! The recorder's API. Types come from `ref/openapi.json` (`npm run types`).

import createClient from "openapi-fetch";

import { go, place } from "../router.svelte";
import { t } from "../texts";
import type { components, paths } from "./schema";

/** The schemas of the API by name. */
export type Schemas = components["schemas"];

/** Asks the recorder. Answers are `{ data }` or `{ error }`; use [`said`] to turn the latter into a sentence. */
export const api = createClient<paths>({ baseUrl: location.origin });

api.use({
  onResponse({ response }) {
    if (response.status === 401) leadToLogin();
  },
  onError() {
    return new Error(t.connection.noAnswer);
  },
});

/** To the login, and from there back to where we are. */
export function leadToLogin(): void {
  if (place().path === "/login") return;
  const back = location.pathname + location.search;
  go(`/login?${new URLSearchParams({ next: back })}`, { replace: true });
}

/** What went wrong, as a sentence for people: the `detail` of a problem document (RFC 9457), or what the error says. */
export function said(error: unknown): string {
  if (error && typeof error === "object") {
    if ("detail" in error && typeof error.detail === "string") return error.detail;
    if ("Message" in error && typeof error.Message === "string") return error.Message;
    if ("message" in error && typeof error.message === "string") return error.message;
  }
  return t.connection.noAnswer;
}

/** The data of an answer; what went wrong is thrown as [`Refused`]. */
export async function got<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (error !== undefined || !response.ok) throw new Refused(response.status, said(error));
  return data as T;
}

/** The recorder has said no. */
export class Refused extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    what: string,
  ) {
    super(what);
  }
}
