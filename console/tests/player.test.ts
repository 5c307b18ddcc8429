import { stat } from "node:fs/promises";

import { expect, inBothLooks, type Page, picture, type Recorder, test, ended } from "./recorder";

const at = (page: Page) => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);

/** A call of agent 1 with a number, keys pressed, and a blackout from about 3 s to 5 s. */
async function darkCall(recorder: Recorder, number: string): Promise<{ id: string; darkTo: number }> {
  const { id, started, manifest } = await recorder.recordedDark(3_000, "--number", number, "--seconds", "14", "--keys", "12");
  return { id, darkTo: (Date.parse(manifest.blackouts[0]!.until) - Date.parse(started)) / 1000 };
}

test("yesterday's call of agent 1 with a number is found, and the span after the blackout heard, in four clicks", async ({ page, recorder }) => {
  const { darkTo } = await darkCall(recorder, "+15550142");
  // Others of the same agent, and of the same number.
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550177", "--seconds", "2");
  await recorder.recorded("--agent-phone", "4102", "--number", "+15550142", "--seconds", "2");
  let clicks = 0;
  const click = async (what: ReturnType<Page["getByRole"]>) => {
    clicks += 1;
    await what.click();
  };
  // Who looks for it does so a day later.
  await page.clock.setFixedTime(Date.now() + 24 * 3_600_000);
  await page.goto("/");
  await click(page.getByRole("navigation").getByRole("link", { name: "Recordings" }));
  await click(page.getByRole("button", { name: "Yesterday" }));
  await page.keyboard.press("/");
  await page.keyboard.press("End");
  await page.keyboard.type(" agent:1 5550142");
  await expect(page.getByRole("table").getByRole("row")).toHaveCount(2);
  await click(page.getByRole("table").getByRole("link"));
  await click(page.getByRole("button", { name: "Play what follows: Blackout" }));
  await expect.poll(() => at(page)).toBeGreaterThan(darkTo + 0.3);
  expect(clicks).toBeLessThan(5);
  await inBothLooks(page, "recording");
});

test("the player goes where it is told, by mouse and by keyboard", async ({ page, recorder }) => {
  const { id, darkTo } = await darkCall(recorder, "+15550142");
  await page.goto(`/recordings/${id}`);
  const wave = page.getByRole("slider", { name: "Place in the recording" });
  await expect(page.getByText("Rowan Pike").first()).toBeVisible();
  await expect(wave).toHaveAttribute("aria-valuemax", /^1[345]$/);

  const begun = Date.now();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(() => at(page), { intervals: [20] }).toBeGreaterThan(0.05);
  console.log(`player: sound after ${Date.now() - begun} ms`);
  await page.getByRole("button", { name: "Pause" }).click();

  const box = (await wave.boundingBox())!;
  await page.mouse.click(box.x + box.width * 0.75, box.y + 40);
  await expect(wave).toHaveAttribute("aria-valuenow", /^1[01]$/);
  const now = async () => Number(await wave.getAttribute("aria-valuenow"));
  await page.keyboard.press("j");
  expect(await now()).toBeLessThan(2);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("5");
  await expect(wave).toHaveAttribute("aria-valuenow", /^7$/);
  await page.keyboard.press("p");
  expect(Math.abs((await now()) - darkTo)).toBeLessThan(2);
  await page.keyboard.press(">");
  expect(await page.evaluate(() => document.querySelector("audio")?.playbackRate)).toBe(1.25);

  // A span by keyboard, looped: it never leaves it.
  await page.keyboard.press("8");
  await page.keyboard.press("[");
  await page.keyboard.press("9");
  await page.keyboard.press("]");
  await page.keyboard.press("r");
  await page.getByRole("group", { name: "Chosen span" }).getByRole("button", { name: "Play it" }).click();
  const span = await page.evaluate(() => document.querySelector("audio")!.duration);
  await expect.poll(() => at(page)).toBeGreaterThan(span * 0.8);
  await page.waitForTimeout(2_500);
  expect(await at(page)).toBeLessThan(span * 0.9 + 0.3);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("group", { name: "Chosen span" })).toBeHidden();

  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await inBothLooks(page, "keyboard");
  await page.keyboard.press("Escape");

  // Levels: one side alone, by name.
  await page.getByRole("button", { name: "Mute +15550142" }).click();
  await expect(page.getByRole("button", { name: "Mute +15550142" })).toHaveAttribute("aria-pressed", "true");
  // A link at a time leads there.
  await page.goto(`/recordings/${id}?t=9.5`);
  await expect(page.getByTestId("time")).toContainText("00:09.5");
});

test("silence is skipped", async ({ page, recorder }) => {
  const { id, darkTo } = await darkCall(recorder, "+15550142");
  await page.goto(`/recordings/${id}?t=${(darkTo - 1.9).toFixed(1)}`);
  await page.getByRole("button", { name: "Skip silence" }).click();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(() => page.evaluate(() => !document.querySelector("audio")?.paused)).toBe(true);
  // Within the blackout it jumps to its end, less a moment.
  await expect.poll(() => at(page)).toBeGreaterThan(darkTo - 0.5);
});

test("bookmarks and notes are set in place, found again, and taken back", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "6");
  await page.goto(`/recordings/${id}?t=2`);
  await expect(page.getByTestId("time")).toContainText("00:02.0");
  await page.keyboard.press("b");
  await page.keyboard.type("Refund <b>promised</b> \u202e 😀");
  await page.getByLabel("Your name").fill("Robin");
  await page.getByRole("button", { name: "Add" }).click();
  await expect(page.getByText("Refund <b>promised</b> \ufffd 😀").first()).toBeVisible();
  await page.keyboard.press("t");
  await page.keyboard.type("First line\nsecond line");
  await page.getByRole("button", { name: "Add" }).click();
  await expect(page.getByText("second line")).toBeVisible();
  const list = (await recorder.get(`/v1/recordings/${id}/annotations`)) as { items: { kind: string; from_ms: number; by: string }[] };
  expect(list.items.map((it) => [it.kind, it.from_ms, it.by])).toEqual([["bookmark", 2000, "Robin"], ["note", 2000, "Robin"]]);
  await page.getByRole("button", { name: /^Take back: Refund/ }).click();
  await expect(page.getByText("Refund <b>promised</b>")).toBeHidden();
  await page.goto("/recordings?q=with:note");
  await expect(page.getByRole("table").getByRole("link")).toHaveCount(1);
});

test("a span is erased only after a second look, and is silent and marked then", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "8");
  await page.goto(`/recordings/${id}`);
  const wave = page.getByRole("slider", { name: "Place in the recording" });
  await expect(wave).toHaveAttribute("aria-valuemax", /^[789]$/);
  const box = (await wave.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Erase this span" }).click();
  await page.getByLabel("Why it has to go").fill("a card number was read out");
  await page.getByLabel("Your name").fill("Robin");
  await inBothLooks(page, "redaction");
  await page.getByRole("button", { name: "Go on" }).click();
  const erase = page.getByRole("button", { name: "Erase the span" });
  await expect(erase).toBeDisabled();
  expect(((await recorder.get(`/v1/recordings/${id}/redactions`)) as { items: unknown[] }).items).toEqual([]);
  await page.getByLabel(/Look again/).check();
  await erase.click();
  await expect(page.getByText("The span is erased.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: /^Erased at/ })).toBeVisible();
  const { lanes, step_ms } = (await recorder.get(`/v1/recordings/${id}/waveform?steps=80`)) as { step_ms: number; lanes: { peaks_dbov: number[] }[] };
  for (const { peaks_dbov } of lanes) expect(Math.max(...peaks_dbov.slice(Math.ceil(2_500 / step_ms), Math.floor(3_500 / step_ms)))).toBe(-127);
});

test("it is downloaded in each form, and as a vCon", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await page.goto(`/recordings/${id}`);
  for (const [name, ending] of [["WAV", "wav"], ["FLAC", "flac"], ["Opus", "opus"], ["MP3", "mp3"], ["vCon with sound", "vcon"]] as const) {
    await page.getByRole("button", { name: "Download" }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name, exact: true }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(new RegExp(`\\.${ending}$`));
    expect((await stat(await file.path())).size, name).toBeGreaterThan(1_000);
    await page.keyboard.press("Escape");
    await page.reload();
  }
});

test("a running call is played, and then its recording", async ({ page, recorder }) => {
  const call = recorder.call("--agent-phone", "4678", "--number", "+15550123", "--seconds", "14");
  const { id } = await recorder.heardNow("4678");
  await page.goto(`/recordings/${id}`);
  await expect(page.getByText("Being recorded now")).toBeVisible();
  await page.getByRole("button", { name: "Listen" }).click();
  await expect.poll(() => at(page)).toBeGreaterThan(1);
  await picture(page, "recording-live");
  await ended(call);
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(() => at(page)).toBeGreaterThan(1);
  expect(await page.evaluate(() => document.querySelector("audio")?.duration)).toBeGreaterThan(12);
});
