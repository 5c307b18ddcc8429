import { codeOf, expect, FIRST_PASSWORD, inBothLooks, PASSWORD, Recorder, signIn, test } from "./recorder";

test("who has a password from somebody else sets their own at the first sign-in, and is then where they wanted to be", async ({ page, recorder }) => {
  await recorder.asksWho();
  await signIn(page, "ada");
  await page.goto("/admin/users?user=new");
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name").fill("sam");
  await sheet.getByLabel("Password").fill("1qaz2wsx3edc4rfv");
  await sheet.getByRole("checkbox", { name: /^Supervisor/ }).check();
  await sheet.getByLabel("Business units").fill("3");
  await sheet.getByRole("button", { name: "Save" }).click();
  await expect(sheet.getByRole("alert")).toContainText("is common");
  await sheet.getByLabel("Password").fill(FIRST_PASSWORD);
  await sheet.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /sam/ })).toContainText("first password, good until");
  await inBothLooks(page, "admin-users-first");
  await page.goto("/admin/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);

  await page.goto("/recordings");
  await page.getByLabel("Name").fill("sam");
  await page.getByLabel("Password").fill(FIRST_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Set your own password" })).toBeVisible();
  await inBothLooks(page, "login-first-password");
  // There is no way round it.
  await page.goto("/recordings");
  await expect(page).toHaveURL(/\/login\?next=%2Frecordings/);
  await page.getByLabel("Password so far").fill(FIRST_PASSWORD);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The same again").fill("something else entirely");
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByRole("alert")).toHaveText("The two passwords are not the same.");
  for (const [fresh, why] of [[FIRST_PASSWORD, "the one so far"], ["short", "15 to 256"]]) {
    await page.getByLabel("New password").fill(fresh!);
    await page.getByLabel("The same again").fill(fresh!);
    await page.getByRole("button", { name: "Set it" }).click();
    await expect(page.getByRole("alert")).toContainText(why!);
  }
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page).toHaveURL(/\/recordings$/);
  await expect(page.getByText("Nothing of yours has been recorded yet.")).toBeVisible();
});

const demanding = test.extend({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start({ settings: '[login]\nsecond_factor = "required"\n' });
    await recorder.asksWho();
    await use(recorder);
    await recorder.stop();
  },
});

demanding("of whom a second factor is demanded is led to set it up, and signs in with it from then on", async ({ page, recorder }) => {
  await recorder.post("/v1/users", { name: "sam", password: FIRST_PASSWORD, roles: ["auditor"] });
  await page.goto("/login");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Set up a second factor" })).toBeVisible();
  await inBothLooks(page, "login-factor");
  await page.getByRole("button", { name: "Show the secret" }).click();
  const secret = (await page.locator("code").textContent()) ?? "";
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  await inBothLooks(page, "login-factor-secret");
  await page.getByLabel("Code of your app").fill("000000");
  await page.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("alert")).toContainText("not right");
  await page.getByLabel("Code of your app").fill(codeOf(secret));
  await page.getByRole("button", { name: "Switch on" }).click();
  await expect(page).toHaveURL(/:\d+\/$/);
  await expect(page.getByRole("heading", { name: "Ready for the first call" })).toBeVisible();
  await page.goto("/admin/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  await signIn(page, "ada", codeOf(secret, 1));

  // Whoever owes both does one after the other, and shows the password once.
  await page.goto("/admin/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  await page.getByLabel("Name").fill("sam");
  await page.getByLabel("Password").fill(FIRST_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Set it" }).click();
  await page.getByRole("button", { name: "Show the secret" }).click();
  await page.getByLabel("Code of your app").fill(codeOf((await page.locator("code").textContent()) ?? ""));
  await page.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByRole("banner").getByRole("link", { name: "sam" })).toBeVisible();
  await expect(page).toHaveURL(/:\d+\/admin$/);
});
