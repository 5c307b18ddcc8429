//! Who uses the console, and what they may do.

import { api, leadToLogin, type Schemas } from "./api/client";

/** Who asks, as `GET /v1/session` says it. */
export type Session = Schemas["SessionItem"];

let session = $state.raw<Session | null>(null);
let looked = $state(false);

/** Who asks; null where the recorder asks nobody. */
export function whoAmI(): Session | null {
  return session;
}

/** Whether it was found out who asks, as far as it can be. */
export function isKnown(): boolean {
  return looked;
}

/** Whether calls of everybody are seen, and not only those of some agents and business units. */
export function seesAll(): boolean {
  return !session || (session.business_units === null && session.agents === null);
}

/** Whether something may be done. The recorder decides; this only keeps what would be refused from being offered. */
export function may(permission: string): boolean {
  return !session || session.kind === "local" || session.permissions.includes(permission);
}

/** Whether the recorder tells nothing before somebody has signed in, or has done what is due of their login. */
export function hasToSignIn(): boolean {
  if (!session) return false;
  return session.due.length > 0 || (session.kind === "nobody" && session.login_required);
}

/** Takes what a login has answered; what is none says nothing of who it is. */
export function be(it: Session | null): void {
  session = Array.isArray(it?.permissions) ? it : null;
  waitForEnd();
}

/** Asks who it is. A login that is missing leads to where one signs in. */
export async function lookWho(): Promise<void> {
  const answer = await fetch("/v1/session").catch(() => null);
  if (answer?.ok) be((await answer.json()) as Session);
  looked = true;
  if (session?.kind === "nobody" && session.login_required) leadToLogin();
}

// Behind the end of a login by so much it is asked whether it is over: a request before it would begin the time anew.
const BEHIND_MS = 1_000;

// When somebody asked the recorder last, and what waits for the end of the login.
let askedAt = 0;
let ending: ReturnType<typeof setTimeout> | undefined;

// Nobody is left before names and numbers when their login is over: nothing comes by itself that would say so.
function waitForEnd(): void {
  clearTimeout(ending);
  askedAt = Date.now();
  const lasts = session?.ends_in_s;
  if (lasts == null) return;
  const look = () => {
    const left = askedAt + lasts * 1_000 + BEHIND_MS - Date.now();
    if (left > 0) ending = setTimeout(look, Math.min(left, 0x7fff_ffff));
    else void lookWho();
  };
  look();
}

/** What goes along with all that changes something. */
export function token(): Record<string, string> {
  return session?.csrf_token ? { "x-csrf-token": session.csrf_token } : {};
}

api.use({
  onRequest({ request }) {
    askedAt = Date.now();
    if (request.method === "GET") return;
    for (const [name, value] of Object.entries(token())) request.headers.set(name, value);
  },
  onResponse({ response }) {
    if (response.status === 401) be(null);
  },
});
