import { ended, expect, inBothLooks, test } from "./recorder";

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
