//! The pages. A page is a component that gets what its pattern names; a new one is a line here, and a route in
//! `crates/server/src/web/mod.rs`, so that its address can be typed.

import type { Component } from "svelte";

import Admin from "./pages/admin/Admin.svelte";
import Board from "./pages/board/Board.svelte";
import CallPage from "./pages/call/CallPage.svelte";
import Login from "./pages/login/Login.svelte";
import RecordingPage from "./pages/recording/RecordingPage.svelte";
import Recordings from "./pages/recordings/Recordings.svelte";
import { t } from "./texts";

/** What a pattern has found in an address. */
export type Found = Record<string, string>;

/** A page, and where it is. */
export interface Page {
  /** Segments; `:name` takes one, `*name` at the end takes the rest. */
  pattern: string;
  /** What shows it. */
  view: Component<{ found: Found }>;
  /** The title of the window, before the product's name. */
  title: string;
  /** Which entry of the navigation it belongs to. */
  under?: "board" | "recordings" | "admin";
  /** The permission without which there is nothing to see on it. */
  sees?: string;
}

export const pages: Page[] = [
  { pattern: "/", view: Board, title: t.nav.board, under: "board", sees: "see_calls" },
  { pattern: "/recordings", view: Recordings, title: t.nav.recordings, under: "recordings", sees: "see_calls" },
  { pattern: "/recordings/:id", view: RecordingPage, title: t.nav.recording, under: "recordings", sees: "see_calls" },
  { pattern: "/calls/:id", view: CallPage, title: t.nav.call, under: "recordings", sees: "see_calls" },
  { pattern: "/admin", view: Admin, title: t.nav.admin, under: "admin" },
  { pattern: "/admin/*rest", view: Admin, title: t.nav.admin, under: "admin" },
  { pattern: "/login", view: Login, title: t.nav.login },
];

/** What the navigation leads to, and the permission without which it does not. */
export const entries = [
  { name: "board", href: "/", label: t.nav.board, sees: "see_calls" },
  { name: "recordings", href: "/recordings", label: t.nav.recordings, sees: "see_calls" },
  { name: "admin", href: "/admin", label: t.nav.admin, sees: "" },
] as const;

/** The page at a path, and what its pattern has found there. */
export function pageAt(path: string): { page: Page; found: Found } | null {
  for (const page of pages) {
    const found = match(page.pattern, path);
    if (found) return { page, found };
  }
  return null;
}

function match(pattern: string, path: string): Found | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  const found: Found = {};
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith("*")) {
      found[part.slice(1)] = given.slice(at).map(decode).join("/");
      return found;
    }
    const here = given[at];
    if (here === undefined) return null;
    if (part.startsWith(":")) found[part.slice(1)] = decode(here);
    else if (part !== here) return null;
  }
  return wanted.length === given.length ? found : null;
}

// An address may be mistyped: what is no encoding stands for itself.
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
