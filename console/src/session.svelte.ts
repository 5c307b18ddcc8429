//! Who uses the console, and what they may do.

import { api, type Schemas } from "./api/client";

/** Who asks, as `GET /v1/session` says it. */
export type Session = Schemas["SessionItem"];

let session = $state.raw<Session | null>(null);

/** Who asks; null where the recorder asks nobody. */
export function whoAmI(): Session | null {
  return session;
}

/** Whether something may be done. The recorder decides; this only keeps what would be refused from being offered. */
export function may(permission: string): boolean {
  return !session || session.kind === "local" || session.permissions.includes(permission);
}

/** Takes what a login has answered; what is none says nothing of who it is. */
export function be(it: Session | null): void {
  session = Array.isArray(it?.permissions) ? it : null;
}

/** Asks who it is. */
export async function lookWho(): Promise<void> {
  const answer = await fetch("/v1/session").catch(() => null);
  if (answer?.ok) be((await answer.json()) as Session);
}

/** What goes along with all that changes something. */
export function token(): Record<string, string> {
  return session?.csrf_token ? { "x-csrf-token": session.csrf_token } : {};
}

api.use({
  onRequest({ request }) {
    if (request.method === "GET") return;
    for (const [name, value] of Object.entries(token())) request.headers.set(name, value);
  },
  onResponse({ response }) {
    if (response.status === 401) be(null);
  },
});
