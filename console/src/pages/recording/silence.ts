//! Where nobody speaks, by the waveform.

/** How loud a recording is from step to step (`GET /v1/recordings/{id}/waveform`). */
export interface Peaks {
  from_ms: number;
  to_ms: number;
  step_ms: number;
  lanes: { streams: number[]; peaks_dbov: number[]; keys: { from_ms: number; to_ms: number }[] }[];
}

/** What is quieter counts as silence: comfort noise and lines that hum lie below. */
const QUIET_DBOV = -45;

/** Whether all lanes are silent at a time. */
export function lanesSilentAt(peaks: Peaks, ms: number): boolean {
  const at = Math.floor((ms - peaks.from_ms) / peaks.step_ms);
  return peaks.lanes.every((lane) => (lane.peaks_dbov[at] ?? 0) < QUIET_DBOV);
}

/** When somebody speaks next, ms; the end if nobody does. */
export function nextSound(peaks: Peaks, ms: number): number {
  const steps = peaks.lanes[0]?.peaks_dbov.length ?? 0;
  for (let at = Math.floor((ms - peaks.from_ms) / peaks.step_ms); at < steps; at += 1) {
    if (peaks.lanes.some((lane) => (lane.peaks_dbov[at] ?? -127) >= QUIET_DBOV)) return peaks.from_ms + at * peaks.step_ms;
  }
  return peaks.to_ms;
}
