import { expect, inBothLooks, test } from "./recorder";

test("who was dark, how often and how long, is added up for the days that are asked for", async ({ page, recorder }) => {
  await recorder.recordedDark(500, "--seconds", "4");
  await recorder.recorded("--agent-phone", "4102", "--seconds", "2");
  await page.goto("/admin/blackouts");
  const row = page.getByRole("row").filter({ hasText: "Rowan Pike" });
  await expect(row).toContainText("100.0%");
  const cells = await row.getByRole("cell").allInnerTexts();
  expect(cells.slice(1, 3).map((it) => it.trim().split(/\s/)[0])).toEqual(["1", "1"]);
  // Two seconds of four: a phone needs a moment to begin and to end.
  expect(cells[3]).toMatch(/00:0[12]/);
  expect(Number.parseFloat(cells[4]!)).toBeGreaterThan(25);
  expect(Number.parseFloat(cells[4]!)).toBeLessThan(75);
  await expect(page.getByRole("row").filter({ hasText: "Wren Ito" })).toHaveCount(0);
  await inBothLooks(page, "admin-blackouts");

  // Days without calls; days in the wrong order; and back.
  await page.getByLabel("From").fill("2020-01-01");
  await page.getByLabel("Until").fill("2020-01-07");
  await page.getByRole("button", { name: "Show" }).click();
  await expect(page).toHaveURL(/from=2020-01-01&to=2020-01-07/);
  await expect(page.getByText("Nobody was dark.")).toBeVisible();
  await page.getByLabel("Until").fill("2019-01-07");
  await page.getByRole("button", { name: "Show" }).click();
  await expect(page.getByText("from must lie before to")).toBeVisible();

  // Whose they are leads to the recordings.
  await page.goto("/admin/blackouts");
  await row.getByRole("link", { name: "Rowan Pike" }).click();
  await expect(page).toHaveURL(/\/recordings\?q=agent/);
  await expect(page.getByRole("row").filter({ hasText: "Rowan Pike" })).toHaveCount(1);
});
