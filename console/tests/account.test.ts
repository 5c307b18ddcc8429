import { createHmac } from "node:crypto";

import { expect, inBothLooks, PASSWORD, signIn, test } from "./recorder";

const ANOTHER = "three mice, one cat, no cheese";

/** The code an app shows (RFC 6238), `ahead` steps of 30 seconds from now. */
function codeOf(secret: string, ahead = 0): string {
  const bits = [...secret].map((it) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((it) => parseInt(it, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

test("a second factor is switched on with a code of an app, and is asked for from then on", async ({ page, recorder }) => {
  await recorder.asksWho();
  await signIn(page, "ada");
  await page.goto("/admin/account");
  const factor = page.locator("section", { has: page.getByRole("heading", { name: "Second factor" }) });
  await factor.getByLabel("Password").fill("not the password at all");
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("alert")).toContainText("not right");
  await factor.getByLabel("Password").fill(PASSWORD);
  await factor.getByRole("button", { name: "Switch on" }).click();
  const secret = (await factor.locator("code").textContent()) ?? "";
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  await inBothLooks(page, "account-factor");
  await factor.getByLabel("Code").fill("000000");
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("alert")).toContainText("not right");
  await factor.getByLabel("Code").fill(codeOf(secret));
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("status").filter({ hasText: "From now on a code is asked for." })).toBeVisible();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByLabel("Code of your app")).toBeVisible();
  await inBothLooks(page, "login-code");
  await page.getByLabel("Code of your app").fill("000000");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("not right");
  // The code that switched it on is used up; the next one is good already, half a minute early.
  await page.getByLabel("Code of your app").fill(codeOf(secret, 1));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("banner").getByRole("link", { name: "ada" })).toBeVisible();
});

test("somebody changes their own password, and what they were logged in by elsewhere is over", async ({ page, recorder, browser }) => {
  await recorder.asksWho();
  const elsewhere = await (await browser.newContext({ baseURL: recorder.url })).newPage();
  await signIn(elsewhere, "ada");
  await signIn(page, "ada");
  await page.goto("/admin/account");
  await page.getByLabel("Password so far").fill(PASSWORD);
  await page.getByLabel("New password").fill("ada ada ada ada");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("alert")).toContainText("easily guessed");
  await page.getByLabel("Password so far").fill(PASSWORD);
  await page.getByLabel("New password").fill(ANOTHER);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText("The password is changed.")).toBeVisible();
  await inBothLooks(page, "account");
  await elsewhere.goto("/admin/users");
  await expect(elsewhere).toHaveURL(/\/login/);
  await elsewhere.context().close();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toHaveText("Name or password is not right.");
  await page.getByLabel("Password").fill(ANOTHER);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("banner").getByRole("link", { name: "ada" })).toBeVisible();
});

test("a key is told once, exchanged without a gap, and taken back", async ({ page, recorder }) => {
  await recorder.asksWho();
  const opens = async (key: string) => (await fetch(`${recorder.url}/api/Agent/GetAll`, { headers: { authorization: `Bearer ${key}` } })).status;
  await signIn(page, "ada");
  await page.goto("/admin/api-keys?key=new");
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name").fill("crm");
  await sheet.getByLabel("Days").fill("30");
  await sheet.getByLabel("Client certificate").fill("*.example.com");
  await sheet.getByRole("button", { name: "Make the key" }).click();
  await expect(sheet.getByRole("alert")).toContainText("is no certificate");
  await sheet.getByLabel("Client certificate").fill("crm.example.com");
  await sheet.getByRole("button", { name: "Make the key" }).click();
  const first = (await sheet.locator("code").textContent()) ?? "";
  await sheet.getByRole("button", { name: "I have kept it" }).click();
  await expect(page.getByText(first)).toHaveCount(0);
  expect(await opens(first)).toBe(200);

  await page.getByRole("button", { name: "Exchange: crm" }).click();
  const second = (await page.locator("code", { hasText: /^stk_[^…]+$/ }).textContent()) ?? "";
  expect(second).not.toBe(first);
  await inBothLooks(page, "admin-key-exchanged");
  await page.getByRole("button", { name: "I have kept it" }).click();
  await page.reload();
  await expect(page.getByRole("row", { name: /crm/ })).toContainText("crm.example.com");
  await expect(page.getByRole("row", { name: /crm/ })).toContainText("the old one until");
  await expect(page.getByText(second)).toHaveCount(0);
  expect([await opens(first), await opens(second)]).toEqual([200, 200]);

  await page.getByRole("button", { name: "Take back: crm" }).click();
  await page.getByRole("button", { name: "Take back for good" }).click();
  await expect(page.getByRole("row", { name: /crm/ })).toHaveCount(0);
  expect([await opens(first), await opens(second)]).toEqual([401, 401]);
});
