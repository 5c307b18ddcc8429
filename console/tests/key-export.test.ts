import { readFile } from "node:fs/promises";

import { expect, inBothLooks, signIn, test } from "./recorder";

test("a private half is asked for by one, approved by another, and fetched once", async ({ page, recorder, browser }) => {
  await recorder.asksWho({ name: "cora", roles: ["compliance"] });
  const words = "several words that nobody guesses";
  await signIn(page, "ada");
  await page.goto("/admin/keys");
  await page.getByRole("button", { name: /^Give out the private half/ }).click();
  const sheet = page.getByRole("dialog");
  await expect(sheet).toContainText("begun with this key: all there are yet");
  await expect(sheet).toContainText("Another person has to approve it");
  await sheet.getByLabel("Why").fill("a copy for the safe");
  await inBothLooks(page, "admin-key-ask");
  await sheet.getByRole("button", { name: "Ask for it" }).click();
  const row = page.getByRole("row").filter({ hasText: "a copy for the safe" });
  await expect(row).toContainText("waits for another");
  await expect(row.getByRole("button", { name: "Fetch" })).toHaveCount(0);

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

test("who has asked for a private half takes it back, before its approval and after", async ({ page, recorder, browser }) => {
  await recorder.asksWho({ name: "cora", roles: ["compliance"] });
  await signIn(page, "ada");
  await page.goto("/admin/keys");
  const sheet = page.getByRole("dialog");
  for (const why of ["asked by mistake", "not needed any more"]) {
    await page.getByRole("button", { name: /^Give out the private half/ }).click();
    await sheet.getByLabel("Why").fill(why);
    await sheet.getByRole("button", { name: "Ask for it" }).click();
    await expect(page.getByRole("row").filter({ hasText: why })).toContainText("waits for another");
  }
  const waits = page.getByRole("row").filter({ hasText: "asked by mistake" });
  await waits.getByRole("button", { name: "Take back request 1" }).click();
  await expect(sheet).toContainText("Nobody fetches the key by it any more");
  await inBothLooks(page, "admin-key-take-back");
  // A second look is one: nothing was done yet.
  await sheet.getByRole("button", { name: "Cancel" }).click();
  await expect(waits).toContainText("waits for another");
  await waits.getByRole("button", { name: "Take back request 1" }).click();
  await sheet.getByRole("button", { name: "Take back" }).click();
  await expect(page.getByText("Request 1 is taken back.")).toBeVisible();
  await expect(waits).toContainText("taken back ada");
  await expect(waits.getByRole("button")).toHaveCount(0);

  const other = await (await browser.newContext({ baseURL: recorder.url, reducedMotion: "reduce" })).newPage();
  await signIn(other, "cora");
  await other.goto("/admin/approvals");
  await other.getByRole("row").filter({ hasText: "not needed any more" }).getByRole("button", { name: "Approve" }).click();
  await expect(other.getByText("Nothing waits.")).toBeVisible();

  await page.getByRole("button", { name: "Look again" }).click();
  const approved = page.getByRole("row").filter({ hasText: "not needed any more" });
  await expect(approved.getByRole("button", { name: "Fetch" })).toBeVisible();
  await approved.getByRole("button", { name: "Take back request 2" }).click();
  await sheet.getByRole("button", { name: "Take back" }).click();
  await expect(page.getByText("Request 2 is taken back.")).toBeVisible();
  await expect(approved).toContainText("ada has taken it back");
  await expect(approved.getByRole("button")).toHaveCount(0);
  await inBothLooks(page, "admin-key-taken-back");
  // Who approved it sees the same.
  await other.getByLabel("Decided ones too").check();
  await expect(other.getByRole("row").filter({ hasText: "not needed any more" })).toContainText("ada has taken it back");
  await other.context().close();
});

test("who gives a key out is told from when until when its recordings were begun", async ({ page, recorder }) => {
  await recorder.asksWho();
  const { from, to } = (await recorder.post("/v1/keys/rotations", { kind: "reading" })) as { from: string; to: string };
  await signIn(page, "ada");
  await page.goto("/admin/keys");
  const sheet = page.getByRole("dialog");
  for (const [key, span] of [[from, /begun with this key until \S/], [to, /begun with this key from \S/]] as const) {
    await page.getByRole("button", { name: `Give out the private half of ${key}` }).click();
    await expect(sheet).toContainText(span);
    await expect(sheet).toContainText("a key that was replaced, or comes later, is asked for by itself");
    await sheet.getByRole("button", { name: "Cancel" }).click();
  }
});
