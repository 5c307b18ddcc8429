//! What of a recording is not simply sound: as bands over the waveform, and as a list.

import type { Schemas } from "../../api/client";
import type { Peaks } from "./silence";

/** What a band is. */
export type BandKind = "blackout" | "redacted" | "held" | "paused" | "gap" | "damaged" | "key";

/** A band, ms from the recording's start. */
export interface Band {
  kind: BandKind;
  from: number;
  to: number;
  /** The lane it lies on; null for all. */
  lane: number | null;
  /** How many packets are missing, or keys were pressed. */
  count: number;
  /** Who approved it and why. */
  about?: string;
}

// Keys that are pressed one after the other are one entry of the list.
const KEYS_APART_MS = 3_000;

/** The bands of a sealed recording, in order. */
export function bandsOf(recording: Schemas["RecordingItem"], peaks: Peaks | null): Band[] {
  const { manifest } = recording;
  const start = Date.parse(recording.started);
  const lasts = recording.duration_ms;
  const at = (text: string | null | undefined) => (text ? Math.min(Math.max(0, Date.parse(text) - start), lasts) : lasts);
  const laneOf = (stream: number) => {
    const lane = peaks?.lanes.findIndex((it) => it.streams.includes(stream)) ?? -1;
    return lane < 0 ? null : lane;
  };
  const bands: Band[] = [];
  for (const span of manifest?.blackouts ?? []) bands.push({ kind: "blackout", from: at(span.from), to: at(span.until), lane: null, count: 0 });
  for (const span of manifest?.redacted ?? []) {
    bands.push({ kind: "redacted", from: at(span.from), to: at(span.until), lane: null, count: 0, about: `${span.by}: ${span.why}` });
  }
  for (const stream of manifest?.streams ?? []) {
    const lane = laneOf(stream.number);
    for (const span of stream.held) bands.push({ kind: "held", from: at(span.from), to: at(span.until), lane, count: 0 });
    for (const span of stream.paused) bands.push({ kind: "paused", from: at(span.from), to: at(span.until), lane, count: 0 });
    for (const gap of stream.gaps) {
      bands.push({ kind: gap.reason === "damaged" ? "damaged" : "gap", from: at(gap.from), to: at(gap.until), lane, count: gap.packets });
    }
  }
  for (const [lane, { keys }] of (peaks?.lanes ?? []).entries()) bands.push(...pressed(keys, lane));
  return bands.toSorted((a, b) => a.from - b.from || a.to - b.to);
}

function pressed(keys: { from_ms: number; to_ms: number }[], lane: number): Band[] {
  const bands: Band[] = [];
  for (const key of keys) {
    const last = bands.at(-1);
    if (last && key.from_ms - last.to < KEYS_APART_MS) {
      last.to = Math.max(last.to, key.to_ms);
      last.count += 1;
    } else {
      bands.push({ kind: "key", from: key.from_ms, to: key.to_ms, lane, count: 1 });
    }
  }
  return bands;
}
