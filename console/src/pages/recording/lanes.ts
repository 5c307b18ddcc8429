//! Who is heard in which lane.

import type { Schemas } from "../../api/client";
import { userOf } from "../../format";
import { t } from "../../texts";
import type { Peaks } from "./silence";

/** A lane, by the names of those who speak in it. */
export interface LaneName {
  who: string;
  /** Their numbers or addresses. */
  address: string;
  /** Whether it is the agent's side. */
  isAgent: boolean;
}

/** Names the lanes, left first. */
export function lanesOf(recording: Schemas["RecordingItem"], peaks: Peaks | null): LaneName[] {
  const parties = recording.manifest?.parties ?? [];
  const streams = peaks?.lanes.map((lane) => lane.streams) ?? (recording.streams > 1 ? [[0], [1]] : [[0]]);
  const texts = t.recording.player.lane;
  return streams.map((numbers, at) => {
    const here = parties.filter((party) => party.sends.some((stream) => numbers.includes(stream)));
    const isAgent = here.some((party) => userOf(party.address) === recording.device && recording.device !== null);
    const names = here.map((party) => party.name || userOf(party.address));
    const fallback = streams.length === 1 ? texts.only : at === 0 ? texts.left : texts.right;
    const who = isAgent && recording.agent_name ? recording.agent_name : names.join(", ") || fallback;
    return { who, address: here.map((party) => userOf(party.address)).join(", "), isAgent };
  });
}
