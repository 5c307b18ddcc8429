//! The metrics without labels, by name: Prometheus' text format.

/** Reads them. */
export function measured(text: string): Record<string, number> {
  // One without the names that every object has.
  const found = Object.create(null) as Record<string, number>;
  for (const line of text.split("\n")) {
    const [name, value] = line.split(" ");
    if (name && value !== undefined && /^[a-z_]+$/.test(name)) found[name] = Number(value);
  }
  return found;
}
