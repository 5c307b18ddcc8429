import { ended, expect, test } from "./recorder";

test("a running call is played, and then its recording", async ({ page, recorder }) => {
  const call = recorder.call("--agent-phone", "4678", "--number", "+15550123", "--seconds", "10");
  const { id } = await recorder.heardNow("4678");
  await page.goto(`/recordings/${id}`);
  await page.getByRole("button", { name: "Listen" }).click();
  const at = () => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);
  await expect.poll(at).toBeGreaterThan(1);
  await ended(call);
  await recorder.eventually("a sealed recording", async () => (await recorder.recordings())[0]);
  await page.goto(`/recordings/${id}`);
  await page.getByRole("button", { name: "Play" }).click();
  await expect.poll(at).toBeGreaterThan(1);
  expect(await page.evaluate(() => document.querySelector("audio")?.duration)).toBeGreaterThan(8);
});
