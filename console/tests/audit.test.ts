import { readFile } from "node:fs/promises";

import { expect, inBothLooks, signIn, test } from "./recorder";

test("who did what is found, and leaves as an extract that others can check", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await recorder.asksWho({ name: "cora", roles: ["compliance"] }, { name: "umar", roles: ["auditor"] });
  await signIn(page, "cora");
  await page.goto(`/recordings/${id}`);
  await recorder.eventually("a view on record", async () => {
    const found = (await recorder.get("/v1/audit?who=cora&action=recording.view")) as { items: unknown[] };
    return found.items.length ? true : undefined;
  });
  await page.goto("/admin/account");
  await page.getByRole("button", { name: "Sign out" }).click();

  await signIn(page, "umar");
  await page.goto("/admin/audit");
  await page.getByLabel("Who").fill("cora");
  await page.getByLabel("What was done").fill("recording.view");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page).toHaveURL(/who=cora&action=recording.view/);
  const rows = page.getByRole("row").filter({ hasText: "recording.view" });
  await expect(rows.first()).toContainText("cora");
  await expect(page.getByRole("row").filter({ hasText: "login.begin" })).toHaveCount(0);
  // She has no recordings to look at, and sees all the same which one it was, and in which role it was looked at.
  const one = rows.first();
  await expect(one.getByTitle(`Recording ${id}`)).toContainText(id);
  await expect(one.getByRole("link")).toHaveCount(0);
  await expect(one).toContainText("Compliance");
  await inBothLooks(page, "admin-audit");

  const keeps = async (name: string) => {
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name }).click();
    return readFile(await (await download).path(), "utf8");
  };
  const extract = (await keeps("Extract with signatures")).trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(extract[0]).toMatchObject({ extract: "sidetone-audit-1", asked: expect.stringContaining("cora") });
  expect(extract.filter((line) => line["action"]).map((line) => [line["who"], line["action"]])).toContainEqual(["cora", "recording.view"]);
  expect(extract.every((line) => !line["action"] || line["who"] === "cora")).toBe(true);
  const table = await keeps("As CSV");
  expect(table.split("\r\n")[0]).toContain("number,at,kind,who");
  expect(table).toContain("recording.view");

  // What was looked for in the audit is in the audit.
  await page.goto("/admin/audit?who=umar&action=audit.export");
  await expect(page.getByRole("row").filter({ hasText: "audit.export" })).toHaveCount(2);
  await page.goto("/admin/audit?who=nobody-of-that-name");
  await expect(page.getByText("Nothing fits.")).toBeVisible();

  // What can find nothing says so where it was typed.
  for (const [query, what] of [
    ["from=2026-01-02T00:00&to=2026-01-01T00:00", "From must be before to"],
    ["recording=01a22159", "whole id of a recording"],
    ["action=recording.lisen", "There is no action recording.lisen"],
  ] as const) {
    await page.goto(`/admin/audit?${query}`);
    await expect(page.getByRole("alert")).toContainText(what);
    await expect(page.getByText("Nothing fits.")).toHaveCount(0);
  }
});
