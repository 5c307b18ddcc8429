import { expect, FIRST_PASSWORD, inBothLooks, PASSWORD, type Recorder, test } from "./recorder";

/** Somebody who is logged in. */
async function logIn(recorder: Recorder, name: string): Promise<(at: string, body: unknown) => Promise<Response>> {
  const login = await fetch(`${recorder.url}/v1/session`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name, password: PASSWORD }) });
  const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
  const { csrf_token: token } = (await login.json()) as { csrf_token: string };
  return (at, body) => fetch(recorder.url + at, { method: "POST", headers: { "content-type": "application/json", cookie, "x-csrf-token": token }, body: JSON.stringify(body) });
}

test("what one asks for another decides, and what was decided is listed with who and when", async ({ page, recorder }) => {
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550777", "--seconds", "2");
  await recorder.post("/v1/users/first", { name: "ada", password: PASSWORD, roles: ["administrator"] });
  const ada = await logIn(recorder, "ada");
  for (const name of ["pia", "paul"]) {
    expect((await ada("/v1/users", { name, password: FIRST_PASSWORD, roles: ["privacy_officer"] })).status).toBe(201);
    await recorder.settle(name);
  }
  const pia = await logIn(recorder, "pia");
  for (const why of ["asked for the wrong number", "GDPR 17(1)(a)"]) {
    expect((await pia("/v1/erasures", { number: "+15550777", why })).status).toBe(202);
  }

  await page.goto("/admin/approvals");
  await page.getByLabel("Name").fill("paul");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  const row = (what: string) => page.getByRole("row").filter({ hasText: what });
  await expect(row("GDPR 17")).toContainText("pia");
  await inBothLooks(page, "admin-approvals");
  await row("the wrong number").getByRole("button", { name: "Refuse" }).click();
  await expect(row("the wrong number")).toHaveCount(0);
  await row("GDPR 17").getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("Nothing waits.")).toBeVisible();

  await page.getByLabel("Decided ones too").check();
  await expect(page).toHaveURL(/state=all/);
  await expect(row("the wrong number")).toContainText("refused");
  await expect(row("GDPR 17")).toContainText("approved");
  await expect(row("GDPR 17")).toContainText(/paul.*\d\d:\d\d/);
  // Newest first.
  await expect(page.getByRole("row").nth(1)).toContainText("GDPR 17");
  await inBothLooks(page, "admin-approvals-decided");
});
