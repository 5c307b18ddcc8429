import { ended, expect, inBothLooks, test } from "./recorder";
import { Client } from "./siprec";

test("a call tells what happened to it, how its media came, and what its seal means", async ({ page, recorder }) => {
  const live = recorder.call("--agent-phone", "4678", "--number", "+15550142", "--seconds", "8");
  const { call } = await recorder.heardNow("4678");
  await page.goto(`/calls/${call}`);
  await expect(page.getByText("Going on now")).toBeVisible();
  const who = { AgentIdentifier: "Id", Value: "1" };
  await recorder.post("/api/Blackout/StartForAgent", who);
  // It follows the call without being asked to.
  await expect(page.getByText("a blackout lies over the call")).toBeVisible();
  await recorder.post("/api/Blackout/StopForAgent", who);
  await ended(live);
  await expect(page.getByRole("heading", { name: "Seal" })).toBeVisible();
  await expect(page.getByText("Going on now")).toBeHidden();
  await expect(page.getByText("kept: every call is recorded", { exact: true })).toBeVisible();
  const digest = ((await recorder.recordings())[0] as unknown as { id: string }).id;
  const file = ((await recorder.get(`/v1/recordings/${digest}`)) as { file: { digest: string } }).file;
  await expect(page.getByText(file.digest)).toBeVisible();
  await expect(page.getByRole("row", { name: /Received/ })).toContainText(/\d/);

  await page.getByText("INVITE came from", { exact: false }).click();
  await expect(page.getByText("m=audio", { exact: false }).first()).toBeVisible();
  await page.getByRole("button", { name: /^SIP/ }).click();
  await expect(page.getByText("INVITE came from", { exact: false })).toBeHidden();
  await page.getByRole("button", { name: /^SIP/ }).click();
  await inBothLooks(page, "call");
});

test("a call says who listened and how much, and which calls have to do with it", async ({ page, recorder }) => {
  const ucid = { "User-to-User": "04FA08010F5C6D7E8A9B03;encoding=hex" };
  const first = await Client.call(recorder.sipAddress, "4678", "+15550142", ucid);
  const { id, call } = await recorder.heardNow("4678");
  const consulted = await Client.call(recorder.sipAddress, "4102", "+15550142", ucid);
  const second = await recorder.heardNow("4102");

  // While both go on each names the other.
  await page.goto(`/calls/${call}`);
  const related = page.locator("section").filter({ has: page.getByRole("heading", { name: "Related calls" }) });
  await expect(related).toContainText("shares an id, as the legs of a transfer do, going on now");
  await expect(related).toContainText("04FA08010F5C6D7E8A9B03");
  await page.waitForTimeout(1_500);
  await first.bye();
  await consulted.bye();
  await recorder.eventually("two recordings", async () => ((await recorder.recordings()).length === 2 ? true : undefined));
  await expect(page.getByText("Nobody has listened.")).toBeVisible();

  const heard = await fetch(`${recorder.url}/v1/recordings/${id}/audio?to_ms=1000`);
  expect((await heard.arrayBuffer()).byteLength).toBeGreaterThan(16_000);
  await recorder.eventually("what was heard", async () => {
    const { items } = (await recorder.get(`/v1/audit?call=${call}&action=recording.heard`)) as { items: unknown[] };
    return items[0];
  });
  await page.reload();
  const listens = page.locator("section").filter({ has: page.getByRole("heading", { name: "Who listened" }) });
  await expect(listens).toContainText("00:01 heard, 1 time");
  await expect(page.getByText(/listened from 127.0.0.1; 1.0 s were heard/)).toBeVisible();
  await inBothLooks(page, "call-related");
  await related.getByRole("link").first().click();
  await expect(page).toHaveURL(new RegExp(`/calls/${second.call}$`));
  await expect(related.getByRole("link")).toHaveAttribute("href", `/calls/${call}`);
});
