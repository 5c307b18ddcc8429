import { expect, inBothLooks, test } from "./recorder";

interface Keys {
  items: { id: string; kind: string; stand: string }[];
}

test("the key of sound is replaced after a second look, and what was recorded before and after is heard", async ({ page, recorder }) => {
  const before = await recorder.recorded("--agent-phone", "4678", "--number", "+15550142", "--seconds", "2");
  const present = async () => ((await recorder.get("/v1/keys")) as Keys).items.find((it) => it.kind === "reading" && it.stand === "present")!.id;
  const old = await present();
  await page.goto("/admin/keys");
  await expect(page.getByText("This recorder can play what it records.")).toBeVisible();
  await page.getByRole("button", { name: "Replace the key of sound and manifests" }).click();
  const sheet = page.getByRole("dialog");
  await expect(sheet).toContainText("without it nothing can be heard");
  await sheet.getByRole("button", { name: "Cancel" }).click();
  expect(await present()).toBe(old);
  await page.getByRole("button", { name: "Replace the key of events" }).click();
  await expect(sheet).toContainText("It has no private half");
  await expect(sheet).not.toContainText("without it nothing can be heard");
  await sheet.getByRole("button", { name: "Cancel" }).click();

  await page.getByRole("button", { name: "Replace the key of sound and manifests" }).click();
  await sheet.getByRole("button", { name: "Replace", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "Replaced:" })).toContainText(`in place of ${old}`);
  const now = await present();
  expect(now).not.toBe(old);
  await expect(page.getByRole("row").filter({ hasText: old })).toContainText("replaced");
  await expect(page.getByRole("row").filter({ hasText: now })).toContainText("in use");
  await inBothLooks(page, "admin-keys");

  const after = await recorder.recorded("--agent-phone", "4102", "--number", "+15550177", "--seconds", "2");
  for (const { id } of [before, after]) {
    await page.goto(`/recordings/${id}`);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0)).toBeGreaterThan(0.3);
  }
});
