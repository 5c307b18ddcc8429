//! Draws a recording: lanes of loudness, the bands over them, and a ruler. Only what is in view.

import { length } from "../../format";
import type { Band } from "./bands";
import type { Span } from "./player.svelte";
import type { Peaks } from "./silence";

/** What the picture is made of. */
export interface Picture {
  width: number;
  height: number;
  view: Span;
  at: number;
  peaks: Peaks | null;
  lanes: number;
  bands: Band[];
  span: Span | null;
  colours: Record<string, string>;
}

/** How high the ruler is, and how far apart the lanes are. */
export const RULER_PX = 20;
const APART_PX = 6;

const FLOOR_DB = 54;
const BAR_PX = 2;
const STEP_PX = 3;

/** Colours by the names of the tokens, as they are now. */
export function coloursOf(probe: HTMLElement): Record<string, string> {
  const names = ["left", "right", "left-ground", "right-ground", "line", "line-strong", "text-soft", "text", "accent", "surface", "sunken", "blackout", "blackout-line", "hold", "gap", "dtmf", "bad", "bad-ground", "focus"];
  return Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
}

/** The top and the height of a lane. */
function laneBox(picture: Picture, lane: number): { top: number; height: number } {
  const height = (picture.height - RULER_PX - APART_PX * (picture.lanes - 1)) / picture.lanes;
  return { top: lane * (height + APART_PX), height };
}

/** Draws it. */
export function paint(g: CanvasRenderingContext2D, picture: Picture): void {
  const { width, height, view } = picture;
  const x = (ms: number) => ((ms - view.from) / (view.to - view.from)) * width;
  g.clearRect(0, 0, width, height);
  for (let lane = 0; lane < picture.lanes; lane += 1) paintLane(g, picture, lane, x);
  for (const band of picture.bands) {
    if (band.to >= view.from && band.from <= view.to) paintBand(g, picture, band, x);
  }
  if (picture.span) {
    const [from, to] = [x(picture.span.from), x(picture.span.to)];
    g.save();
    g.globalAlpha = 0.18;
    g.fillStyle = picture.colours["accent"]!;
    g.fillRect(from, 0, to - from, height - RULER_PX);
    g.restore();
    g.fillStyle = picture.colours["accent"]!;
    for (const edge of [from, to]) g.fillRect(Math.round(edge) - 1, 0, 2, height - RULER_PX);
  }
  paintRuler(g, picture, x);
  const head = Math.round(x(picture.at));
  g.fillStyle = picture.colours["text"]!;
  g.fillRect(head - 1, 0, 2, height - RULER_PX);
  g.beginPath();
  g.arc(head, 3, 4, 0, Math.PI * 2);
  g.fill();
}

function paintLane(g: CanvasRenderingContext2D, picture: Picture, lane: number, x: (ms: number) => number): void {
  const { top, height } = laneBox(picture, lane);
  const side = lane === 0 ? "left" : "right";
  g.fillStyle = picture.colours[`${side}-ground`]!;
  g.globalAlpha = 0.5;
  g.fillRect(0, top, picture.width, height);
  g.globalAlpha = 1;
  const middle = top + height / 2;
  const peaks = picture.peaks;
  const levels = peaks?.lanes[lane]?.peaks_dbov;
  g.fillStyle = picture.colours[side]!;
  if (!peaks || !levels) {
    g.globalAlpha = 0.4;
    g.fillRect(0, middle, picture.width, 1);
    g.globalAlpha = 1;
    return;
  }
  const perPx = (picture.view.to - picture.view.from) / picture.width;
  const head = x(picture.at);
  // Two passes, so that the colour is set twice and not for each bar.
  for (const played of [true, false]) {
    g.globalAlpha = played ? 1 : 0.5;
    for (let at = 0; at < picture.width; at += STEP_PX) {
      if (at < head !== played) continue;
      const first = Math.floor((picture.view.from + at * perPx - peaks.from_ms) / peaks.step_ms);
      const end = Math.max(first + 1, Math.floor((picture.view.from + (at + STEP_PX) * perPx - peaks.from_ms) / peaks.step_ms));
      let loudest = -127;
      for (let step = Math.max(0, first); step < Math.min(end, levels.length); step += 1) loudest = Math.max(loudest, levels[step]!);
      const share = Math.max(0, (loudest + FLOOR_DB) / FLOOR_DB);
      const bar = Math.max(1, share * (height - 6));
      g.fillRect(at, middle - bar / 2, BAR_PX, bar);
    }
  }
  g.globalAlpha = 1;
}

function paintBand(g: CanvasRenderingContext2D, picture: Picture, band: Band, x: (ms: number) => number): void {
  const bottom = picture.height - RULER_PX;
  const box = band.lane === null ? { top: 0, height: bottom } : laneBox(picture, band.lane);
  const from = x(band.from);
  const wide = Math.max(2, x(band.to) - from);
  const c = picture.colours;
  switch (band.kind) {
    case "blackout":
      hatched(g, from, box.top, wide, box.height, c["blackout"]!, c["blackout-line"]!);
      break;
    case "redacted":
      hatched(g, from, box.top, wide, box.height, c["bad-ground"]!, c["bad"]!);
      break;
    case "held":
      g.fillStyle = c["hold"]!;
      g.globalAlpha = 0.3;
      g.fillRect(from, box.top, wide, box.height);
      g.globalAlpha = 1;
      g.fillRect(from, box.top, wide, 3);
      break;
    case "paused":
      hatched(g, from, box.top, wide, box.height, c["sunken"]!, c["hold"]!);
      g.fillStyle = c["hold"]!;
      g.fillRect(from, box.top, wide, 3);
      break;
    case "gap":
    case "damaged":
      g.fillStyle = c["gap"]!;
      g.fillRect(from, box.top + box.height - 4, wide, 4);
      break;
    case "key":
      g.fillStyle = c["dtmf"]!;
      g.fillRect(from, box.top, Math.max(3, wide), 5);
      break;
  }
}

function hatched(g: CanvasRenderingContext2D, left: number, top: number, wide: number, high: number, ground: string, line: string): void {
  g.save();
  g.beginPath();
  g.rect(left, top, wide, high);
  g.clip();
  g.fillStyle = ground;
  g.fillRect(left, top, wide, high);
  g.strokeStyle = line;
  g.globalAlpha = 0.55;
  g.lineWidth = 1;
  g.beginPath();
  // Lines lie where they lie whatever is in view, so that they do not swim.
  for (let at = Math.floor((left - high) / 9) * 9; at < left + wide; at += 9) {
    g.moveTo(at, top + high);
    g.lineTo(at + high, top);
  }
  g.stroke();
  g.restore();
}

function paintRuler(g: CanvasRenderingContext2D, picture: Picture, x: (ms: number) => number): void {
  const { view, width, height } = picture;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].map((s) => s * 1000);
  const least = ((view.to - view.from) / width) * 70;
  const step = steps.find((it) => it >= least) ?? 7_200_000;
  g.font = `11px ${getComputedStyle(g.canvas).fontFamily}`;
  g.textBaseline = "middle";
  for (let ms = Math.ceil(view.from / step) * step; ms <= view.to; ms += step) {
    const at = Math.round(x(ms));
    g.fillStyle = picture.colours["line-strong"]!;
    g.fillRect(at, height - RULER_PX + 2, 1, 4);
    g.fillStyle = picture.colours["text-soft"]!;
    const text = length(ms);
    const wide = g.measureText(text).width;
    g.fillText(text, Math.min(Math.max(0, at - wide / 2), width - wide), height - RULER_PX / 2 + 3);
  }
}
