import type { Page } from "@playwright/test";

import { ended, expect, inBothLooks, picture, test } from "./recorder";

const row = (page: Page, who: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name: `Details of ${who}` }) });

test("the board follows a call from its beginning to its end", async ({ page, recorder }) => {
  await page.goto("/");
  const rowan = row(page, "Rowan Pike");
  await expect(rowan).toContainText("No call");
  const call = recorder.call("--agent-phone", "4678", "--number", "+15550123", "--seconds", "6");
  await expect(rowan).toContainText("+15550123");
  await expect(rowan).toContainText("Recorded");
  await expect(rowan).toContainText("every call is recorded");
  await expect(rowan).toContainText(/\d\d:\d\d/);
  await ended(call);
  await expect(rowan).toContainText("No call");
});

test("what is commanded from the board is so at the recorder, and the row says it", async ({ page, recorder }) => {
  test.setTimeout(240_000);
  await page.goto("/");
  const rowan = row(page, "Rowan Pike");
  recorder.call("--agent-phone", "4678", "--number", "+15550123", "--seconds", "220");
  await expect(rowan).toContainText("Recorded");
  await inBothLooks(page, "board-live");

  // Dark, with a clock that goes on by itself, and light again.
  await page.getByRole("button", { name: "Black out: Rowan Pike" }).click();
  await expect(rowan).toContainText("Dark: nothing is written any more");
  const dark = async () => Number(/Dark for 00:(\d\d)/.exec((await rowan.textContent()) ?? "")?.[1]);
  await expect(rowan).toContainText("Dark for");
  const seen = await dark();
  await expect.poll(dark).toBeGreaterThan(seen);
  const agent = (await recorder.get("/v1/agents/1")) as { blackout_since: string | null };
  expect(agent.blackout_since).not.toBeNull();
  await inBothLooks(page, "board-dark");
  await page.getByRole("button", { name: "End blackout: Rowan Pike" }).click();
  await expect(rowan).toContainText("The blackout is over");
  await expect(rowan).not.toContainText("Dark for");
  expect(((await recorder.get("/v1/agents/1")) as { blackout_since: string | null }).blackout_since).toBeNull();

  // Tags: what was typed stands at the recorder, and on the row.
  await page.getByRole("button", { name: "Tag: Rowan Pike" }).click();
  await page.getByLabel("user2").fill("claim 7719");
  await page.getByRole("button", { name: "Write tags" }).click();
  await expect(rowan).toContainText("claim 7719");
  await inBothLooks(page, "board-details");
  await page.getByRole("button", { name: "Close details" }).click();

  // Stopped, and recorded again: two recordings of one call.
  await page.getByRole("button", { name: "Stop: Rowan Pike" }).click();
  await expect(rowan).toContainText("Is not recorded any more");
  await expect(rowan).toContainText("Not recorded");
  await page.getByRole("button", { name: "Record: Rowan Pike" }).click();
  await expect(rowan).toContainText("Is recorded");
  const calls = (await recorder.get("/v1/calls?state=live")) as { items: { recordings: { state: string }[] }[] };
  expect(calls.items[0]?.recordings.map((it) => it.state).at(-1)).toMatch(/pending|recording/);
  expect(calls.items[0]?.recordings).toHaveLength(2);
});

test("each leg of a call shows how loud it is, in words too, and nothing while it is dark", async ({ page, recorder }) => {
  await page.goto("/");
  const rowan = row(page, "Rowan Pike");
  recorder.call("--agent-phone", "4678", "--number", "+15550123", "--seconds", "80");
  const levels = rowan.getByRole("meter");
  await expect(levels).toHaveCount(2);
  await expect(rowan.getByRole("meter", { name: "Level of +15550123" })).toHaveAttribute("aria-valuetext", /^talking, \u2212\d+ dB$/);
  await expect(rowan.getByRole("meter", { name: "Level of 4678" })).toHaveAttribute("aria-valuenow", /^-1?\d$/);
  await page.getByRole("link", { name: "Details of Rowan Pike" }).click();
  await expect(page.getByRole("complementary").getByText("talking, ", { exact: false }).first()).toBeVisible();
  await inBothLooks(page, "board-levels");

  await recorder.post("/api/Blackout/StartForAgent", { AgentIdentifier: "Id", Value: 1 });
  await expect(rowan).toContainText("Dark for");
  await expect(page.getByRole("meter")).toHaveCount(0);
  // Nothing of the dark is told at all, whatever the page would show.
  const { items } = (await recorder.get("/v1/calls?state=live")) as { items: { id: string }[] };
  const told = await page.evaluate(async (call) => {
    const stream = new EventSource(`/v1/levels?calls=${call}`);
    const first = await new Promise<string>((done) => stream.addEventListener("levels", (event) => done((event as MessageEvent<string>).data)));
    stream.close();
    return first;
  }, items[0]!.id);
  expect(JSON.parse(told)).toEqual({ calls: [] });
  await recorder.post("/api/Blackout/StopForAgent", { AgentIdentifier: "Id", Value: 1 });
  await expect(levels).toHaveCount(2);
});

test("somebody else's blackout shows, and one without a call lies over the next", async ({ page, recorder }) => {
  await page.goto("/");
  const wren = row(page, "Wren Ito");
  await expect(wren).toContainText("No call");
  await recorder.post("/api/Blackout/StartForAgent", { AgentIdentifier: "Id", Value: 2 });
  await expect(wren).toContainText("Dark for");
  await page.getByRole("button", { name: /^Dark/ }).click();
  await expect(page).toHaveURL(/state=dark/);
  await expect(page.getByRole("link", { name: /^Details of/ })).toHaveCount(1);
  recorder.call("--agent-phone", "4102", "--seconds", "20");
  await expect(wren).toContainText("+15550100");
  await expect(wren).toContainText("Dark for");
});

test("a phone that is nobody's is commanded as well, and a refusal stays to be read", async ({ page, recorder }) => {
  await page.goto("/");
  const call = recorder.call("--agent-phone", "9001", "--seconds", "15");
  const phone = row(page, "9001");
  await expect(phone).toContainText("Phone without an agent");
  await page.getByRole("button", { name: "Black out: 9001" }).click();
  await expect(phone).toContainText("Dark for");
  await page.route("**/api/Blackout/StopForDevice", (route) => route.fulfill({ status: 500, json: { Message: "the disk did not take it within 5 seconds" } }));
  await page.getByRole("button", { name: "End blackout: 9001" }).click();
  await expect(phone.getByRole("alert")).toContainText("Refused: the disk did not take it within 5 seconds");
  await expect(phone).toContainText("Dark for");
  await ended(call);
});

test("what people are called is text, whatever is in it", async ({ page, recorder }) => {
  const bad = `<img src=x onerror="document.title='owned'">`;
  await recorder.post("/v1/agents/7", { phone: "4700", name: bad }, "PUT");
  await recorder.post("/v1/agents/8", { phone: "4701", name: "\u202Egnp.exe \u{1F469}\u200D\u{1F4BB} محمد" }, "PUT");
  await recorder.post("/v1/agents/9", { phone: "4702", name: "long ".repeat(50) }, "PUT");
  recorder.call("--agent-phone", "4700", "--seconds", "80");
  await page.goto("/");
  await expect(page.getByRole("row").filter({ hasText: bad })).toContainText("Recorded");
  await recorder.post("/api/Record/UpdateForAgent", { AgentIdentifier: "Id", Value: 7, CallMetadata: { user1: "<b>x</b>".repeat(250) } });
  await expect(page.getByRole("row").filter({ hasText: bad })).toContainText("<b>x</b>");
  await expect(page.locator("main img")).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await inBothLooks(page, "board-names");
});

test("a telephone shows the board, and commands from it", async ({ page, recorder }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  recorder.call("--agent-phone", "4678", "--seconds", "80");
  await page.goto("/");
  const rowan = row(page, "Rowan Pike");
  await expect(rowan).toContainText("Recorded");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("button", { name: "Black out: Rowan Pike" }).click();
  await expect(rowan).toContainText("Dark for");
  // All of the row is to be seen, with the answer in it.
  const inside = await rowan.evaluate((it) => it.scrollHeight <= it.clientHeight + 1);
  expect(inside, "nothing of the row is cut off").toBe(true);
  await inBothLooks(page, "board-phone");
  await page.getByRole("link", { name: "Details of Rowan Pike" }).click();
  await expect(page.getByRole("complementary")).toContainText("Known by");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await picture(page, "board-phone-details");
});

test("the board comes back with the recorder", async ({ page, recorder }) => {
  recorder.call("--agent-phone", "4678", "--seconds", "60");
  await page.goto("/");
  await expect(row(page, "Rowan Pike")).toContainText("Recorded");
  await recorder.rest();
  await expect(page.getByRole("alert").first()).toContainText("No connection since");
  await recorder.again();
  await expect(page.getByRole("alert").first()).toBeHidden();
  await recorder.post("/api/Blackout/StartForAgent", { AgentIdentifier: "Id", Value: 2 });
  await expect(row(page, "Wren Ito")).toContainText("Dark for");
});

test("thousands of agents are a list that scrolls, and are found by a word", async ({ page, recorder }) => {
  const many = Array.from({ length: 3_000 }, (_, at) => ({ id: at + 1, phone: `${10_000 + at}`, name: `Agent Nr ${at + 1}`, business_unit: 1 + (at % 4) }));
  await recorder.post("/v1/agents/import", many);
  await page.goto("/");
  await expect(page.getByRole("button", { name: "All 3000", exact: true })).toBeVisible();
  expect(await page.getByRole("row").count()).toBeLessThan(60);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await expect(page.getByRole("link", { name: "Details of Agent Nr 999", exact: true })).toBeVisible();
  await page.getByLabel("Find on the board").fill("nr 12717");
  await expect(page.getByRole("link", { name: /^Details of/ })).toHaveCount(1);
  await page.getByLabel("Find on the board").fill("");
  await page.getByLabel("Business unit").selectOption("3");
  await expect(page.getByRole("button", { name: "All 750", exact: true })).toBeVisible();
});
