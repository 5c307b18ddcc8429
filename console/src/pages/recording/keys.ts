//! The player by keyboard.

import type { Band } from "./bands";
import type { Player } from "./player.svelte";

/** What the keys lead to beside the player itself. */
export interface Doors {
  bookmark: () => void;
  note: () => void;
  help: () => void;
  link: () => void;
  zoom: (factor: number | null) => void;
}

/** Does what a key is for; whether it was for anything. */
export function press(event: KeyboardEvent, player: Player, bands: Band[], doors: Doors): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { key } = event;
  if (/^[0-9]$/.test(key)) {
    player.seek((Number(key) / 10) * player.lasts);
    return true;
  }
  const act = actions(player, bands, doors)[key.length === 1 ? key.toLowerCase() : key];
  if (!act) return false;
  act();
  return true;
}

function actions(player: Player, bands: Band[], doors: Doors): Record<string, () => void> {
  const by = (ms: number) => () => player.seek(player.at + ms);
  return {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    ArrowLeft: by(-5_000),
    ArrowRight: by(5_000),
    j: by(-10_000),
    l: by(10_000),
    Home: () => player.seek(0),
    End: () => player.seek(player.lasts),
    "<": () => player.faster(-1),
    ",": () => player.faster(-1),
    ">": () => player.faster(1),
    ".": () => player.faster(1),
    "[": () => (player.span = { from: player.at, to: Math.max(player.span?.to ?? player.lasts, player.at) }),
    "]": () => (player.span = { from: Math.min(player.span?.from ?? 0, player.at), to: player.at }),
    r: () => (player.loop = player.span !== null && !player.loop),
    s: () => (player.skipSilence = !player.skipSilence),
    q: () => player.toggleMuted(0),
    w: () => player.toggleMuted(1),
    n: () => jump(player, bands, 1),
    p: () => jump(player, bands, -1),
    b: doors.bookmark,
    t: doors.note,
    c: doors.link,
    "?": doors.help,
    "+": () => doors.zoom(0.5),
    "=": () => doors.zoom(0.5),
    "-": () => doors.zoom(2),
    Escape: () => {
      player.span = null;
      player.loop = false;
    },
  };
}

/** To where the next or previous band ends: what follows it is what one wants to hear. */
function jump(player: Player, bands: Band[], by: 1 | -1): void {
  const ends = [...new Set(bands.map((band) => band.to))].sort((a, b) => a - b);
  const next = by === 1 ? ends.find((end) => end > player.at + 10) : ends.findLast((end) => end < player.at - 1_000);
  if (next !== undefined) player.seek(next);
}
