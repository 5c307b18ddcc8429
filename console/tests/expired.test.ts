import { expect, expectAccessible, test } from "./recorder";

test("a login that has expired leads to the login page, which knows the way back", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  const problem = { type: "about:blank", title: "Unauthorized", status: 401, detail: "log in first" };
  await page.goto(`/recordings/${id}?t=1.5`);
  await expect(page.getByTestId("time")).toContainText("00:01.5");
  // It is over when something is done, and not a moment before: the page asks for things by itself too.
  let expired = false;
  await page.route("**/v1/**", (route) => {
    expired ||= route.request().method() === "POST";
    return expired ? route.fulfill({ status: 401, contentType: "application/problem+json", json: problem }) : route.continue();
  });
  await page.keyboard.press("b");
  await page.keyboard.type("too late");
  await page.getByLabel("Your name").fill("Robin");
  await page.getByRole("button", { name: "Add" }).click();
  await expect(page).toHaveURL(`/login?next=${encodeURIComponent(`/recordings/${id}?t=1.5`)}`);
  await expectAccessible(page, "the login page");
  // No link leads elsewhere by it.
  for (const next of ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)"]) {
    await page.unroute("**/v1/**");
    await page.route("**/v1/session", (route) => route.fulfill({ status: 200, json: {} }));
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel("Name").fill("robin");
    await page.getByLabel("Password").fill("secret");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL("/");
  }
});
