import { expect, inBothLooks, test } from "./recorder";

test("an empty install leads to a test call, which arrives on the board and in the list, and is heard", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Ready for the first call" })).toBeVisible();
  await page.getByRole("button", { name: "Place a test call" }).click();
  await expect(page.getByText("It talks for five seconds", { exact: false })).toBeVisible();
  // It arrives as any call does, on a phone that is nobody's.
  const arrived = page.getByRole("row").filter({ hasText: "sidetone-test" });
  await expect(arrived).toContainText("Recorded");
  await expect(arrived).toContainText("test call");
  await inBothLooks(page, "first-run");
  await expect(page.getByText("The test call was recorded.")).toBeVisible();
  await expect(page.getByText("An SBC would see: INVITE answered 200", { exact: false })).toBeVisible();
  await inBothLooks(page, "first-run-passed");

  await page.getByRole("navigation").getByRole("link", { name: "Recordings" }).click();
  const rows = page.getByRole("table").getByRole("row");
  await expect(rows).toHaveCount(2);
  await page.getByLabel("Search recordings").fill("user15:\"test call\"");
  await expect(rows).toHaveCount(2);
  await rows.nth(1).getByRole("link").click();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0)).toBeGreaterThan(0.5);
});

test("a test call that is turned away says so, and a second one at once has to wait", async ({ page, recorder }) => {
  await page.goto("/admin/health");
  await page.getByRole("button", { name: "Place a test call" }).click();
  await recorder.eventually("the test call", async () => ((await recorder.get("/v1/calls?state=live")) as { items: unknown[] }).items[0]);
  const second = await fetch(`${recorder.url}/v1/test-call`, { method: "POST" });
  expect(second.status).toBe(409);
  expect(((await second.json()) as { detail: string }).detail).toContain("A test call is running");
  await expect(page.getByText("The test call was recorded.")).toBeVisible();
});
