import { expect, inBothLooks, test } from "./recorder";
import { Client } from "./siprec";

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("when a side was on hold is a band of the player, with its place in the list and the legend", async ({ page, recorder }) => {
  const call = await Client.call(recorder.sipAddress, "4678", "+15550142");
  const { id } = await recorder.heardNow("4678");
  await wait(1_500);
  await call.hold();
  await page.goto("/");
  await expect(page.getByRole("row").filter({ hasText: "Rowan Pike" })).toContainText("On hold");
  await wait(1_500);
  await call.resume();
  await wait(1_000);
  await call.bye();
  await recorder.eventually("a recording", async () => (await recorder.recordings())[0]);

  await page.goto(`/recordings/${id}`);
  await expect(page.getByRole("button", { name: /^On hold at 00:0/ })).toBeVisible();
  await expect(page.getByRole("list", { name: "What the bands mean" })).toContainText("On hold");
  await expect(page.getByRole("slider", { name: "Place in the recording" })).toHaveAccessibleDescription(/On hold: 1\. They are listed under Spans\./);
  // On the caller's side only.
  await expect(page.getByRole("listitem").filter({ has: page.getByRole("button", { name: /^On hold at/ }) })).toContainText("+15550142");
  await inBothLooks(page, "recording-hold");
  await page.getByRole("button", { name: "Play what follows: On hold" }).click();
  await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0)).toBeGreaterThan(2.5);
});
