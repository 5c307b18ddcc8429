import { readFile } from "node:fs/promises";

import { ended, expect, expectAccessible, inBothLooks, type Recorder, signIn, test } from "./recorder";

/** Three calls of two agents, one with tags. */
async function someCalls(recorder: Recorder): Promise<void> {
  const tagged = recorder.call("--agent-phone", "4678", "--number", "+15550100", "--seconds", "4");
  await recorder.heardNow("4678");
  const body = { AgentIdentifier: "Id", Value: "1", CallMetadata: { user1: "Premium", user2: "1234567890" } };
  await recorder.post("/api/Record/UpdateForAgent", body);
  await ended(tagged);
  await Promise.all([
    ended(recorder.call("--agent-phone", "4102", "--number", "+15550177", "--seconds", "2")),
    ended(recorder.call("--agent-phone", "4103", "--number", "+15550188", "--seconds", "2")),
  ]);
  await recorder.eventually("three recordings", async () => ((await recorder.recordings()).length === 3 ? true : undefined));
}

test("what is typed is looked for at once, is shown as conditions, and stands in the address", async ({ page, recorder }) => {
  await someCalls(recorder);
  await page.goto("/recordings");
  const rows = page.getByRole("table").getByRole("row");
  await expect(rows).toHaveCount(4);
  await inBothLooks(page, "recordings");

  await page.keyboard.press("/");
  await page.keyboard.type("agent:1 user2:1234567890");
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(1)).toContainText("Rowan Pike");
  await expect(page).toHaveURL(/\?q=agent%3A1\+user2%3A1234567890$/);

  // The link leads somebody else to the same.
  await page.goto(page.url());
  await expect(rows).toHaveCount(2);
  await page.getByRole("button", { name: "Without user2 1234567890" }).click();
  await expect(page).toHaveURL(/\?q=agent%3A1$/);
  await page.getByLabel("Search recordings").fill("+15550177");
  await expect(rows.nth(1)).toContainText("Wren Ito");
  await page.getByRole("button", { name: "Yesterday" }).click();
  await expect(page.getByText("No recording matches.")).toBeVisible();
  await page.getByRole("button", { name: "Yesterday" }).click();
  await page.getByLabel("Search recordings").fill("agnet:1");
  await expect(page.getByRole("alert").getByText("there is no such condition")).toBeVisible();
  await expectAccessible(page, "a search that is not understood");
});

test("a search is saved by name, and columns are chosen; both are there again later", async ({ page, recorder }) => {
  await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await page.goto("/recordings?q=agent:1");
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByLabel("Name of this search").fill("Rowan's");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("checkbox", { name: "Why kept" }).check();
  await expectAccessible(page, "the columns");
  await page.goto("/recordings");
  await expect(page.getByRole("columnheader", { name: "Why kept" })).toBeVisible();
  await expect(page.getByText("kept: every call is recorded")).toBeVisible();
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByRole("button", { name: "Rowan's", exact: true }).click();
  await expect(page.getByLabel("Search recordings")).toHaveValue("agent:1");
});

test("who is signed in has their searches with their account, and leaves none in the browser", async ({ browser, page, recorder }) => {
  await page.goto("/recordings");
  await page.evaluate(() => localStorage.setItem("searches", JSON.stringify([{ name: "before", text: "agent:2" }])));
  await recorder.asksWho();
  await page.goto("/login");
  await signIn(page, "ada");
  await page.goto("/recordings?q=%2B15550100");
  const menu = page.getByRole("button", { name: "Saved searches" });
  await menu.click();
  // What was saved before anybody was asked is theirs.
  await expect(page.getByRole("button", { name: "before", exact: true })).toBeVisible();
  await page.getByLabel("Name of this search").fill("a caller");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("button", { name: "a caller", exact: true })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("15550100");
  expect(await page.evaluate(() => localStorage.getItem("searches"))).toBeNull();
  await page.goto("/admin/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("caller");

  const elsewhere = await browser.newContext({ baseURL: recorder.url });
  const other = await elsewhere.newPage();
  await signIn(other, "ada");
  await other.goto("/recordings");
  await other.getByRole("button", { name: "Saved searches" }).click();
  await other.getByRole("button", { name: "a caller", exact: true }).click();
  await expect(other.getByLabel("Search recordings")).toHaveValue("+15550100");
  await elsewhere.close();
});

test("what is selected leaves as a zip, is held, and is erased only after a second look", async ({ page, recorder }) => {
  await someCalls(recorder);
  await page.goto("/recordings?q=%2B15550100");
  const rows = page.getByRole("table").getByRole("row");
  await expect(rows).toHaveCount(2);
  await page.getByRole("checkbox", { name: "Select all that are listed" }).check();

  await page.getByRole("button", { name: "Export" }).click();
  await expectAccessible(page, "the export sheet");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Make the zip" }).click();
  const zip = await readFile(await (await download).path());
  expect(zip.subarray(0, 4).toString("latin1")).toBe("PK\x03\x04");
  expect(zip.length).toBeGreaterThan(60_000);
  await page.keyboard.press("Escape");

  // Under a hold it stays, and why is said.
  await page.getByRole("button", { name: "Hold" }).click();
  await page.getByLabel("Matter").fill("2026-7");
  await page.getByLabel("Owner, who may release it").fill("Dana");
  await page.getByLabel("Reason").fill("a complaint");
  await page.getByLabel("Your name").fill("Robin");
  await page.getByRole("button", { name: "Place the hold" }).click();
  await expect(page.getByText(/Hold \d+ is in force/)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row").getByText("on hold")).toBeVisible();
  await page.getByRole("button", { name: "Erase" }).click();
  await expect(page.getByLabel("Number (its end, 6 digits or more)")).toHaveValue("+15550100");
  await page.getByLabel("Legal ground").fill("GDPR 17");
  await page.getByRole("button", { name: "Look at what would go" }).click();
  await expect(page.getByText("Nothing would go.")).toBeVisible();
  await expect(page.getByText("1 recording stays")).toBeVisible();

  // Another number: looked at, confirmed, gone.
  await page.getByLabel("Number (its end, 6 digits or more)").fill("15550177");
  await page.getByRole("button", { name: "Look at what would go" }).click();
  await expect(page.getByText("1 recording would go")).toBeVisible();
  const erase = page.getByRole("button", { name: "Erase 1 recording for good" });
  await expect(erase).toBeDisabled();
  expect((await recorder.recordings()).length).toBe(3);
  await page.getByLabel(/I have looked at the list/).check();
  await expectAccessible(page, "the erase sheet");
  await erase.click();
  await expect(page.getByText(/erased; the proofs are kept/)).toBeVisible();
  expect((await recorder.recordings()).length).toBe(2);
});

test("rows are walked through by keyboard", async ({ page, recorder }) => {
  await someCalls(recorder);
  await page.goto("/recordings");
  const links = page.getByRole("table").getByRole("link");
  await expect(links).toHaveCount(3);
  await links.first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(links.nth(1)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/recordings\/[0-9a-f-]{36}$/);
});
