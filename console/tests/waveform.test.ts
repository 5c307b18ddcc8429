import { expect, test } from "./recorder";

interface Waveform {
  step_ms: number;
  from_ms: number;
  to_ms: number;
  lanes: { streams: number[]; peaks_dbov: number[]; keys: { from_ms: number; to_ms: number }[] }[];
}

test("the waveform shows who speaks, the blackout as silence, and keys without saying which", async ({ recorder }) => {
  const recording = await recorder.recordedDark(2_500, "--number", "+15550123", "--seconds", "8", "--keys", "12#");
  const { id } = recording;
  const ms = (at: string) => Date.parse(at) - Date.parse(recording.started);
  const dark = recording.manifest.blackouts[0]!;

  const whole = (await recorder.get(`/v1/recordings/${id}/waveform?steps=400`)) as Waveform;
  expect(whole.lanes.map((lane) => lane.streams)).toEqual([[0], [1]]);
  expect(whole.lanes.map((lane) => lane.keys.length)).toEqual([3, 0]);
  for (const { peaks_dbov: peaks } of whole.lanes) {
    const at = (time: number) => Math.floor(time / whole.step_ms);
    const within = peaks.slice(at(ms(dark.from)) + 2, at(ms(dark.until)) - 1);
    expect(within.length).toBeGreaterThan(50);
    expect(Math.max(...within), "nothing of the blackout").toBe(-127);
    const after = peaks.slice(at(ms(dark.until)) + 10, at(ms(dark.until)) + 40);
    expect(Math.min(...after), "a tone").toBeGreaterThan(-20);
  }
  // A part is the same as the same part of the whole, and the second asking is answered from memory.
  const part = (await recorder.get(`/v1/recordings/${id}/waveform?from_ms=${whole.step_ms * 10}&to_ms=${whole.step_ms * 60}&steps=50`)) as Waveform;
  expect(part.step_ms).toBe(whole.step_ms);
  expect(part.lanes.map((lane) => lane.peaks_dbov)).toEqual(whole.lanes.map((lane) => lane.peaks_dbov.slice(10, 60)));
  expect(await recorder.get(`/v1/recordings/${id}/waveform?steps=400`)).toEqual(whole);

  for (const [query, parameter] of [["steps=0", "steps"], ["steps=9999", "steps"], ["from_ms=9999999", "from_ms"], ["from_ms=5&to_ms=5", "to_ms"], ["step=5", "step"]]) {
    expect(await recorder.get(`/v1/recordings/${id}/waveform?${query}`), query).toMatchObject({ status: 400, parameter });
  }
  expect(await recorder.get("/v1/recordings/01a22159-a313-7b8b-983f-bf78e968dc25/waveform")).toMatchObject({ status: 404 });
});
