import { codeOf, expect, inBothLooks, PASSWORD, signIn, test } from "./recorder";

const ANOTHER = "three mice, one cat, no cheese";

test("a second factor is switched on with a code of an app, and is asked for from then on", async ({ page, recorder }) => {
  await recorder.asksWho();
  await signIn(page, "ada");
  await page.goto("/admin/account");
  const factor = page.locator("section", { has: page.getByRole("heading", { name: "Second factor" }) });
  await expect(factor).toContainText("It is off.");
  await expect(factor.getByRole("button", { name: "Switch off" })).toHaveCount(0);
  await factor.getByLabel("Password").fill("not the password at all");
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(factor.getByRole("alert")).toContainText("not right");
  await factor.getByLabel("Password").fill(PASSWORD);
  await factor.getByRole("button", { name: "Switch on" }).click();
  // Who has no app at hand leaves it as it was.
  await factor.getByRole("button", { name: "Cancel" }).click();
  await expect(factor).toContainText("It is off.");
  await factor.getByLabel("Password").fill(PASSWORD);
  await factor.getByRole("button", { name: "Switch on" }).click();
  const secret = (await factor.locator("code").textContent()) ?? "";
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  await expect(factor.getByRole("img", { name: "The secret as a picture" })).toBeVisible();
  await inBothLooks(page, "account-factor");
  await factor.getByLabel("Code").fill("000000");
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(factor.getByRole("alert")).toContainText("not right");
  await factor.getByLabel("Code").fill(codeOf(secret));
  await factor.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("status").filter({ hasText: "From now on a code is asked for." })).toBeVisible();
  await expect(factor).toContainText("It is on.");
  await expect(factor.getByRole("button", { name: "Switch off" })).toBeVisible();
  await expect(factor.getByRole("button", { name: "Switch on" })).toHaveCount(0);

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
  await expect(sheet.getByLabel("Name")).toBeFocused();
  await sheet.getByLabel("Name").fill("crm");
  await sheet.getByLabel("Days").fill("30");
  await sheet.getByLabel("Client certificate").fill("*.example.com");
  await sheet.getByRole("button", { name: "Make the key" }).click();
  await expect(sheet.getByRole("alert")).toContainText("is no certificate");
  await sheet.getByLabel("Client certificate").fill("crm.example.com");
  await sheet.getByRole("button", { name: "Make the key" }).click();
  const first = (await sheet.locator("code").textContent()) ?? "";
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await sheet.getByRole("button", { name: "Copy" }).click();
  await expect(sheet.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(first);
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

test("somebody sees where they are signed in, and ends what is not theirs any more", async ({ browser, page, recorder }) => {
  await recorder.asksWho();
  await signIn(page, "ada");
  const elsewhere = await browser.newContext({ baseURL: recorder.url, userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0" });
  const other = await elsewhere.newPage();
  await signIn(other, "ada");
  await page.goto("/admin/account");
  const logins = page.locator("section", { has: page.getByRole("heading", { name: "Where you are signed in" }) });
  const rows = logins.getByRole("row");
  await expect(rows).toHaveCount(3);
  await expect(rows.filter({ hasText: "this one" })).toContainText(/Chrom(e|ium) on Linux/);
  await inBothLooks(page, "account-logins");
  const end = logins.getByRole("button", { name: "End: Firefox on Windows, 127.0.0.1" });
  await end.click();
  await expect(logins.getByRole("alert")).toContainText("show your password again", { ignoreCase: true });
  await logins.getByLabel("Password").fill("not the password at all");
  await end.click();
  await expect(logins.getByRole("alert")).toContainText("not right");
  await logins.getByLabel("Password").fill(PASSWORD);
  await end.click();
  await expect(logins.getByRole("status")).toHaveText("It is over.");
  await expect(rows).toHaveCount(2);
  await other.goto("/admin/agents");
  await expect(other).toHaveURL(/\/login\?next=/);

  await signIn(other, "ada");
  await page.reload();
  await logins.getByLabel("Password").fill(PASSWORD);
  await logins.getByRole("button", { name: "End all others" }).click();
  await expect(logins.getByRole("status")).toHaveText("The others are over.");
  await expect(rows).toHaveCount(2);
  await other.goto("/admin/agents");
  await expect(other).toHaveURL(/\/login\?next=/);
  await elsewhere.close();
});

test("an administrator signs somebody out everywhere", async ({ browser, page, recorder }) => {
  await recorder.asksWho({ name: "sam", roles: ["supervisor"], business_units: [3] });
  const elsewhere = await browser.newContext({ baseURL: recorder.url });
  const sam = await elsewhere.newPage();
  await signIn(sam, "sam");
  await signIn(page, "ada");
  await page.goto("/admin/users?user=2");
  const sheet = page.getByRole("dialog");
  await sheet.getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(sheet.getByRole("status")).toHaveText("They are signed out everywhere.");
  await sam.goto("/recordings");
  await expect(sam).toHaveURL(/\/login\?next=/);
  await elsewhere.close();
});
