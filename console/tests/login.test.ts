import { expect, inBothLooks, PASSWORD, signIn, test } from "./recorder";

test("a fresh recorder leads to the first account, and from then on asks who somebody is", async ({ page, recorder }) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Make the first account" }).click();
  await expect(page.getByRole("heading", { name: "Make the first account" })).toBeVisible();
  await inBothLooks(page, "login-first");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("short");
  await page.getByLabel("The same again").fill("short");
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByRole("alert")).toContainText("15");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByRole("link", { name: "ada" })).toBeVisible();
  expect((await fetch(`${recorder.url}/v1/calls`)).status).toBe(401);
  // It was promised that keys come next.
  await expect(page.getByRole("heading", { level: 1, name: "API keys" })).toBeVisible();
  await page.getByRole("navigation").getByRole("link", { name: "Board" }).click();

  // An administrator hears nothing and commands nobody: what would be refused is not offered.
  await expect(page.getByRole("link", { name: "Details of Rowan Pike" })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Black out:/ })).toHaveCount(0);

  // What changes something carries the login's token.
  await page.goto("/admin/agents?agent=new");
  await page.getByLabel("Number", { exact: true }).fill("7");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("3 agents")).toBeVisible();

  await page.goto("/admin/users?user=new");
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name").fill("sam");
  await sheet.getByLabel("Password").fill(PASSWORD);
  await sheet.getByRole("checkbox", { name: /^Supervisor/ }).check();
  await sheet.getByLabel("Business units").fill("3");
  await inBothLooks(page, "admin-user");
  await sheet.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /sam/ })).toContainText("units 3");
  await inBothLooks(page, "admin-users");

  await page.goto("/admin/api-keys?key=new");
  await sheet.getByLabel("Name").fill("crm");
  await sheet.getByRole("button", { name: "Make the key" }).click();
  const key = (await sheet.locator("code").textContent()) ?? "";
  expect(key).toMatch(/^stk_/);
  await sheet.getByRole("button", { name: "I have kept it" }).click();
  await expect(page.getByRole("row", { name: /crm/ })).toContainText("Integration");
  await inBothLooks(page, "admin-keys");
  const asks = { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: JSON.stringify({ AgentIdentifier: "Id", Value: 1 }) };
  expect((await fetch(`${recorder.url}/api/Blackout/StartForAgent`, asks)).status).toBe(200);
});

test("a login that has ended leads to the sign-in, and from there back", async ({ page, recorder }) => {
  await recorder.post("/v1/users/first", { name: "ada", password: PASSWORD, roles: ["administrator"] });
  await page.goto("/admin/schedules");
  await expect(page).toHaveURL(/\/login\?next=%2Fadmin%2Fschedules/);
  await expect(page.getByText("Sign in to go on; then you come back to the page you asked for.")).toBeVisible();
  await inBothLooks(page, "login");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("not the password at all");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toHaveText("Name or password is not right.");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/admin\/schedules$/);
  await expect(page.getByRole("heading", { level: 1, name: "Schedules" })).toBeVisible();

  // The login has ended: whatever is asked for leads to the sign-in.
  await page.context().clearCookies();
  await page.goto("/admin/agents");
  await expect(page).toHaveURL(/\/login\?next=%2Fadmin%2Fagents/);
});

test("the stream of events is not asked for before somebody has signed in, and flows from then on", async ({ page, recorder }) => {
  await recorder.asksWho();
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().endsWith("/v1/events") && asked.push(request.url())));
  await page.clock.install();
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  // Time for five tries, each with its answer.
  for (let tries = 0; tries < 5; tries += 1) {
    await page.clock.runFor(2_500);
    await page.evaluate(async () => (await fetch("/v1/session")).text());
  }
  expect(asked.length).toBeLessThanOrEqual(1);
  await page.clock.resume();

  const before = asked.length;
  await signIn(page, "ada");
  await expect.poll(() => asked.length - before).toBe(1);
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Ready to record");
  await recorder.post("/v1/agents/9", { phone: "4709", name: "Ines Roth" }, "PUT");
  await expect(page.getByRole("link", { name: "Details of Ines Roth" })).toBeVisible();
  // What is lost from now on is a loss, and so it is said.
  await recorder.rest();
  await expect(page.getByText("No connection since")).toBeVisible();
});
