import { expect, inBothLooks, test } from "./recorder";

test("an empty install shows its pages, says that it is ready, and loads nothing from elsewhere", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1, name: "Board" })).toBeVisible();
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Ready to record");
  await inBothLooks(page, "board-empty");

  await page.getByRole("navigation").getByRole("link", { name: "Recordings" }).click();
  await expect(page).toHaveURL(/\/recordings$/);
  await expect(page.getByText("Nothing has been recorded yet.")).toBeVisible();
  await inBothLooks(page, "recordings-empty");

  await page.goBack();
  await expect(page.getByRole("heading", { level: 1, name: "Board" })).toBeVisible();
  await page.goto("/no-such/page-at-all").catch(() => {});
  await page.goto("/admin/no-such-part");
  await expect(page.getByRole("heading", { level: 1, name: "Administration" })).toBeVisible();
});

test("a lost connection is said, and so is its return", async ({ page, recorder }) => {
  await page.goto("/recordings");
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Ready to record");
  await recorder.rest();
  await expect(page.getByText("No connection since")).toBeVisible();
  await recorder.again();
  await expect(page.getByText("No connection since")).toBeHidden();
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Ready to record");
});

test("the looks that were chosen stay", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.body.parentElement!).backgroundColor);
  const light = await ground();
  await page.getByLabel("Looks").selectOption("dark");
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.reload();
  await expect(page.getByLabel("Looks")).toHaveValue("dark");
  expect(await ground()).toBe(dark);
});
