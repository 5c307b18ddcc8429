import { readFile } from "node:fs/promises";

import { expect, inBothLooks, type Page, Recorder, test as base } from "./recorder";

const test = base.extend({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start({ settings: "[audit]\nask_reason = true\n" });
    await use(recorder);
    await recorder.stop();
  },
});

const at = (page: Page) => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);

interface Audit {
  items: { action: string; outcome: string; reason: string; recording: string | null }[];
}

/** The reasons that stand in the audit with an action, and that none of it was refused. */
async function reasons(recorder: Recorder, action: string, count: number): Promise<string[]> {
  return recorder.eventually(`${count} entries of ${action}`, async () => {
    const { items } = (await recorder.get(`/v1/audit?action=${action}&limit=100`)) as Audit;
    expect(items.map((it) => it.outcome).filter((it) => it !== "done")).toEqual([]);
    return items.length >= count ? items.map((it) => it.reason) : undefined;
  });
}

test("where it is asked why somebody listens, the page asks once for a recording and says it with all that is taken of it", async ({ page, recorder }) => {
  const first = await recorder.recorded("--agent-phone", "4678", "--number", "+15550100", "--seconds", "3");
  const second = await recorder.recorded("--agent-phone", "4102", "--number", "+15550177", "--seconds", "2");
  await page.goto(`/recordings/${first.id}`);
  const sheet = page.getByRole("dialog", { name: "Why do you listen?" });
  const play = page.getByRole("button", { name: "Play", exact: true });
  await play.click();
  await expect(sheet.getByLabel("Reason")).toBeFocused();
  await inBothLooks(page, "reason");
  // Who says nothing hears nothing, and is not scolded for it.
  await page.keyboard.press("Escape");
  await expect(sheet).toHaveCount(0);
  await expect(page.getByRole("alert")).toHaveCount(0);
  expect(await at(page)).toBe(0);

  await play.click();
  await sheet.getByLabel("Reason").fill("complaint 4711");
  await sheet.getByRole("button", { name: "Go on" }).click();
  await expect.poll(() => at(page)).toBeGreaterThan(0.3);
  await page.getByRole("button", { name: "Pause" }).click();

  // It is not asked again for this one.
  await page.getByRole("button", { name: "Download", exact: true }).click();
  const wav = page.waitForEvent("download");
  await page.getByRole("link", { name: "WAV", exact: true }).click();
  expect((await readFile(await (await wav).path())).subarray(0, 4).toString()).toBe("RIFF");
  const vcon = page.waitForEvent("download");
  await page.getByRole("link", { name: "vCon with sound" }).click();
  expect(JSON.parse(await readFile(await (await vcon).path(), "utf8"))).toHaveProperty("vcon");

  // It is for another, where what was said lately is a click away.
  await page.getByRole("link", { name: "All recordings" }).click();
  await page.locator(`a[href="/recordings/${second.id}"]`).first().click();
  await play.click();
  await sheet.getByRole("button", { name: "complaint 4711" }).click();
  await sheet.getByRole("button", { name: "Go on" }).click();
  await expect.poll(() => at(page)).toBeGreaterThan(0.3);
  const heard = await reasons(recorder, "recording.listen", 4);
  expect(new Set(heard)).toEqual(new Set(["complaint 4711"]));

  await page.getByRole("link", { name: "All recordings" }).click();
  await page.getByRole("checkbox", { name: "Select all that are listed" }).check();
  await page.getByRole("button", { name: "Export" }).click();
  const zip = page.waitForEvent("download");
  const form = page.getByRole("dialog", { name: /^Export 2 recordings/ });
  await form.getByLabel("Reason").fill("court order 12");
  await inBothLooks(page, "reason-export");
  await form.getByRole("button", { name: "Make the zip" }).click();
  expect((await readFile(await (await zip).path())).subarray(0, 2).toString()).toBe("PK");
  expect(await reasons(recorder, "export.create", 1)).toEqual(["court order 12"]);
});

test("who listens to a call that goes on says why, too", async ({ page, recorder }) => {
  recorder.call("--agent-phone", "4678", "--seconds", "20");
  const { id } = await recorder.heardNow("4678");
  await page.goto(`/recordings/${id}`);
  await page.getByRole("button", { name: "Listen" }).click();
  const sheet = page.getByRole("dialog", { name: "Why do you listen?" });
  await sheet.getByLabel("Reason").fill("coaching");
  await page.keyboard.press("Enter");
  await expect.poll(() => at(page)).toBeGreaterThan(0.3);
  expect(await reasons(recorder, "recording.listen", 1)).toEqual(["coaching"]);
});

base("what cannot be played says why", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await page.goto(`/recordings/${id}`);
  await expect(page.getByRole("button", { name: "Play", exact: true })).toBeVisible();
  // Who plays it again has to say why; this page does not know of it.
  await page.route("**/audio*", (route) =>
    // Its head is given to who asks: it is no listen.
    route.request().method() === "HEAD" ? route.continue() : route.fulfill({ status: 400, contentType: "application/problem+json", body: JSON.stringify({ title: "Bad Request", status: 400, detail: "Here a reason is wanted of who listens." }) }),
  );
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("Here a reason is wanted of who listens.");
});
