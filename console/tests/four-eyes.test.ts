import { expect, inBothLooks, type Page, picture, signIn, test } from "./recorder";

/** Asks for the erasure of what is of a number. */
async function ask(page: Page, number: string): Promise<void> {
  await page.goto("/admin/erasures");
  await page.getByLabel("Number").fill(number);
  await page.getByLabel("Legal ground").fill("GDPR 17(1)(a)");
  await page.getByRole("button", { name: "Show what would go" }).click();
  await page.getByRole("button", { name: "Ask to erase 1 recording" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Ask to erase 1 recording" }).click();
  await expect(page.getByText("waits").first()).toBeVisible();
}

test("an erasure is asked for by one, and done or refused by another", async ({ page, recorder, browser }) => {
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550777", "--seconds", "2");
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550778", "--seconds", "2");
  await recorder.asksWho({ name: "pia", roles: ["privacy_officer"] }, { name: "cora", roles: ["compliance"] });
  await signIn(page, "pia");
  await ask(page, "+15550777");
  await ask(page, "+15550778");
  expect(await recorder.recordings()).toHaveLength(2);

  // Who has asked does not answer.
  await page.goto("/admin/approvals");
  await expect(page.getByText("2 wait")).toBeVisible();
  await expect(page.getByRole("button", { name: "Take back" })).toHaveCount(2);
  await expect(page.getByRole("button", { name: "Approve" })).toHaveCount(0);
  await inBothLooks(page, "admin-approval-own");
  expect(await recorder.recordings()).toHaveLength(2);

  const other = await (await browser.newContext({ baseURL: recorder.url, reducedMotion: "reduce" })).newPage();
  await signIn(other, "cora");
  await other.goto("/admin/approvals");
  const first = other.getByRole("row", { name: /15550777/ });
  const second = other.getByRole("row", { name: /15550778/ });
  await expect(first).toContainText("pia");
  await inBothLooks(other, "admin-approvals");
  await second.getByRole("button", { name: "Refuse" }).click();
  await expect(second).toHaveCount(0);
  await first.getByRole("button", { name: "Approve" }).click();
  // Who answers sees what would go.
  const dialog = other.getByRole("dialog");
  await expect(dialog).toContainText("GDPR 17(1)(a)");
  await expect(dialog.getByRole("link")).toHaveCount(1);
  await inBothLooks(other, "admin-approval-erasure");
  await dialog.getByRole("button", { name: "Approve" }).click();
  await expect(other.getByText("Nothing waits.")).toBeVisible();
  const { items } = (await recorder.get("/v1/approvals?state=all")) as { items: { state: string; by: string; decided_by: string }[] };
  expect(items.map((it) => [it.state, it.by, it.decided_by]).sort()).toEqual([["approved", "pia", "cora"], ["refused", "pia", "cora"]]);
  await other.getByLabel("Decided ones too").check();
  await expect(other.getByText("whom it was about is not kept")).toHaveCount(2);
  await recorder.eventually("one recording", async () => ((await recorder.recordings()).length === 1 ? true : undefined));

  // The proof names both.
  await page.goto("/admin/erasures");
  const proof = page.getByRole("row", { name: /GDPR 17/ });
  // Both are to be seen: nothing of it is cut off.
  await expect(proof.getByText("pia, approved by cora")).toHaveCSS("-webkit-line-clamp", "none");
  await picture(page, "admin-erasures-proof");
  await other.context().close();
});
