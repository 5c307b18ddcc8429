import { readFile } from "node:fs/promises";

import { expect, inBothLooks, signIn, test } from "./recorder";

test("a private half is asked for by one, approved by another, and fetched once", async ({ page, recorder, browser }) => {
  await recorder.asksWho({ name: "cora", roles: ["compliance"] });
  const words = "several words that nobody guesses";
  await signIn(page, "ada");
  await page.goto("/admin/keys");
  await page.getByRole("button", { name: /^Give out the private half/ }).click();
  const sheet = page.getByRole("dialog");
  await expect(sheet).toContainText("Another person has to approve it");
  await sheet.getByLabel("Why").fill("a copy for the safe");
  await inBothLooks(page, "admin-key-ask");
  await sheet.getByRole("button", { name: "Ask for it" }).click();
  const row = page.getByRole("row").filter({ hasText: "a copy for the safe" });
  await expect(row).toContainText("waits for another");
  await expect(row.getByRole("button")).toHaveCount(0);

  const other = await (await browser.newContext({ baseURL: recorder.url, reducedMotion: "reduce" })).newPage();
  await signIn(other, "cora");
  await other.goto("/admin/approvals");
  const asked = other.getByRole("row").filter({ hasText: "a copy for the safe" });
  await expect(asked).toContainText("Private half of a key");
  await expect(asked).toContainText("ada");
  await asked.getByRole("button", { name: "Approve" }).click();
  await expect(other.getByText("Nothing waits.")).toBeVisible();
  await other.context().close();

  await page.getByRole("button", { name: "Look again" }).click();
  await expect(row).toContainText("approved");
  await inBothLooks(page, "admin-key-exports");
  await row.getByRole("button", { name: "Fetch" }).click();
  await sheet.getByLabel("Passphrase").fill("short");
  await sheet.getByLabel("Once more").fill("short");
  await sheet.getByRole("button", { name: "Fetch" }).click();
  await expect(sheet.getByRole("alert").first()).toContainText("15 to 256");
  await sheet.getByLabel("Passphrase").fill(words);
  await sheet.getByRole("button", { name: "Fetch" }).click();
  await expect(sheet.getByRole("alert").first()).toContainText("not the same");
  await sheet.getByLabel("Once more").fill(words);
  const [file] = await Promise.all([page.waitForEvent("download"), sheet.getByRole("button", { name: "Fetch" }).click()]);
  expect(file.suggestedFilename()).toMatch(/^reading-[0-9a-f]{16}\.key$/);
  expect(await readFile(await file.path(), "utf8")).toMatch(/^sidetone-reading-key-sealed-1 [0-9a-f]{16} 65536 3 4 [0-9a-f]{32} [0-9a-f]{96}\n$/);
  await expect(row).toContainText("given out");
  await expect(row.getByRole("button")).toHaveCount(0);
});
