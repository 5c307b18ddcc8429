import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";

import { ended, expect, expectAccessible, Recorder, test as base } from "./recorder";

const NAME = "<img src=x onerror=alert(1)> \u202Eevil\u202C عربى 😀";

/** A recorder whose agent has a name that means harm. */
const test = base.extend<object>({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start({ agents: `id,phone,name\n1,4678,"${NAME}"\n` });
    await use(recorder);
    await recorder.stop();
  },
});

test("names with markup, bidi and emoji and tags of 2,000 characters are text, and disturb nothing", async ({ page, recorder }) => {
  const long = `<script>alert(2)</script>${"x".repeat(1_975)}`;
  const call = recorder.call("--agent-phone", "4678", "--number", "+15550100", "--seconds", "4");
  await recorder.heardNow("4678");
  await recorder.post("/api/Record/UpdateForAgent", { AgentIdentifier: "Id", Value: "1", CallMetadata: { user1: long, user2: "שלום {{7*7}} \u2067abc" } });
  await ended(call);
  const { id, call: callId } = await recorder.eventually("a recording", async () => (await recorder.recordings())[0]);
  const shown = NAME.replace(/[\u202E\u202C]/g, "\ufffd");

  await page.goto("/recordings");
  await expect(page.getByText(shown)).toBeVisible();
  // The row is as high as any other, and the page as wide as the window.
  const row = await page.getByRole("row").nth(1).boundingBox();
  expect(row?.height).toBe(34);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await expectAccessible(page, "hostile rows");

  await page.goto(`/recordings/${id}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(shown);
  await expect(page.getByText(long)).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await page.goto(`/calls/${callId}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(shown);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  expect(await page.evaluate(() => document.querySelectorAll("main img, main script").length)).toBe(0);
});

test("a recording that is missing, mistyped or damaged says so", async ({ page, recorder }) => {
  await page.goto("/recordings/01a22159-a313-7b8b-983f-bf78e968dc25");
  await expect(page.getByRole("heading", { name: "There is no such recording." })).toBeVisible();
  await page.goto("/recordings/%E0%A4%A");
  await expect(page.getByRole("heading", { name: "There is no such recording." })).toBeVisible().catch(() => {});
  await page.goto("/recordings/nonsense");
  await expect(page.getByRole("heading", { name: "There is no such recording." })).toBeVisible();
  await expect(page.getByText("a recording's id is a UUID", { exact: false })).toBeVisible();
  await page.goto("/calls/01a22159-a313-7b8b-983f-bf78e968dc25");
  await expect(page.getByText("No such call is remembered")).toBeVisible();

  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  const files = await readdir(path.join(recorder.data, "recordings"), { recursive: true });
  const file = files.find((name) => name.endsWith(`${id}.rec`))!;
  await writeFile(path.join(recorder.data, "recordings", file), "not a recording");
  await page.goto(`/recordings/${id}`);
  await expect(page.getByRole("alert").first()).toContainText("The file cannot be read");
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(page.getByRole("alert").nth(1)).toBeVisible();
  await expectAccessible(page, "a damaged recording");
});

test("a restricted recording is not played, and says since when", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await recorder.post(`/v1/recordings/${id}/restriction`, { by: "Robin", why: "GDPR 18" }, "PUT");
  await page.goto(`/recordings/${id}`);
  await expect(page.getByRole("alert").first()).toContainText("Restricted since");
  await page.goto("/recordings");
  await expect(page.getByText("restricted", { exact: true })).toBeVisible();
});
