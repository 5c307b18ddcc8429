import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

import { bench, expect, inBothLooks, test } from "./recorder";

const HOUR_S = 3_600;

/** The recorder's memory, MB (`VmRSS`). */
async function memory(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

test("an hour's call plays at once, from its end too, with its waveform, and takes no memory for its length", async ({ page, recorder }) => {
  test.setTimeout(300_000);
  await recorder.rest();
  const begun = Date.now();
  const id = execFileSync(bench, ["long-call", "--data", recorder.data]).toString().trim();
  console.log(`long: written in ${Date.now() - begun} ms`);
  await recorder.again();
  const before = await memory(recorder.pid);
  const at = () => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);

  let since = Date.now();
  await page.goto(`/recordings/${id}`);
  const wave = page.getByRole("slider", { name: "Place in the recording" });
  await expect(wave).toHaveAttribute("aria-valuemax", String(HOUR_S));
  console.log(`long: the page after ${Date.now() - since} ms`);
  await expect(page.getByRole("button", { name: /^Blackout at/ })).toBeVisible();
  await expect(wave).toHaveAttribute("data-waveform", "true", { timeout: 120_000 });
  console.log(`long: the waveform after ${Date.now() - since} ms`);
  await inBothLooks(page, "recording-hour");

  since = Date.now();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(at, { intervals: [20] }).toBeGreaterThan(0.05);
  console.log(`long: sound after ${Date.now() - since} ms`);

  for (const [key, second] of [["9", 0.9 * HOUR_S], ["1", 0.1 * HOUR_S], ["5", 0.5 * HOUR_S]] as const) {
    since = Date.now();
    await page.keyboard.press(key);
    await expect.poll(at, { intervals: [20] }).toBeGreaterThan(second + 0.05);
    console.log(`long: sound at ${second} s after ${Date.now() - since} ms`);
  }
  // To the end, and it ends.
  await page.keyboard.press("k");
  await expect(page.getByRole("button", { name: "Play", exact: true })).toBeVisible();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  since = Date.now();
  await page.keyboard.press("k");
  await expect.poll(at, { intervals: [20] }).toBeGreaterThan(HOUR_S - 4.9);
  console.log(`long: the last five seconds after ${Date.now() - since} ms`);
  await expect.poll(at).toBeGreaterThan(HOUR_S - 0.2);

  // Zoomed in, the waveform is finer.
  await page.keyboard.press("5");
  for (let times = 0; times < 5; times += 1) await page.keyboard.press("+");
  await expect(wave).toHaveAttribute("data-zoomed", "true");
  console.log(`long: memory ${before.toFixed(0)} MB before, ${(await memory(recorder.pid)).toFixed(0)} MB after; the recording has 58 MB`);
  // An hour of two legs is 115 MB as WAV: none of that is held.
  expect((await memory(recorder.pid)) - before).toBeLessThan(60);
});
