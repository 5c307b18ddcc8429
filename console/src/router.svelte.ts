//! Where in the console somebody is. All of it stands in the address bar, so that a link can be sent.

/** The address as the pages see it. */
export interface Place {
  /** Such as `/recordings/01a2...`. */
  path: string;
  /** What stands behind the question mark. */
  query: URLSearchParams;
}

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

let current = $state.raw<Place>(read());

/** Where we are now; changes are seen by what reads it. */
export function place(): Place {
  return current;
}

/** Goes to an address of the console. With `replace` the place we leave is not gone back to. */
export function go(href: string, { replace = false } = {}): void {
  const before = location.pathname;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  current = read();
  if (!replace && before !== location.pathname) {
    scrollTo(0, 0);
    // Whoever does not see the page hears that it is another one.
    requestAnimationFrame(() => document.querySelector<HTMLElement>("main")?.focus());
  }
}

/** Changes parts of the query in place; empty ones leave it. */
export function setQuery(parts: Record<string, string | null>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), { replace: true });
}

addEventListener("popstate", () => {
  current = read();
});

// Links lead on inside the page, unless they are to open elsewhere or to be kept as files.
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
  const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || event.defaultPrevented || elsewhere || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.dataset["outside"] !== undefined) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});
