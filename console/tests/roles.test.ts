import { expect, inBothLooks, type Page, Recorder, signIn, test as base } from "./recorder";

/** Everything a page asks that is refused. */
function refusals(page: Page): string[] {
  const refused: string[] = [];
  page.on("response", (response) => {
    if (response.status() === 403) refused.push(`${response.request().method()} ${new URL(response.url()).pathname}`);
  });
  return refused;
}

base("an auditor begins at the audit, and is led nowhere they may not go", async ({ page, recorder }) => {
  const { id, call } = await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await recorder.asksWho({ name: "aud", roles: ["auditor"] });
  const refused = refusals(page);
  await signIn(page, "aud");
  await expect(page).toHaveURL(/\/admin$/);
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
  await expect(page.getByRole("banner").getByRole("link", { name: /Board|Recordings/ })).toHaveCount(0);
  await expect(page.getByRole("alert").filter({ hasText: "This is not for" })).toHaveCount(0);
  await inBothLooks(page, "auditor");
  for (const link of [`/recordings/${id}`, `/calls/${call}`, "/recordings"]) {
    await page.goto(link);
    await expect(page.getByRole("heading", { name: "This is not for your role." })).toBeVisible();
    await expect(page.getByText("There is no such recording.")).toHaveCount(0);
  }
  await page.getByRole("link", { name: "To what is" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
  expect(refused).toEqual([]);
});

base("an administrator sees what there is of a recording, and no player", async ({ page, recorder }) => {
  const { id } = await recorder.recorded("--agent-phone", "4678", "--number", "+15550100", "--seconds", "2");
  await recorder.asksWho();
  const refused = refusals(page);
  await signIn(page, "ada");
  await page.goto(`/recordings/${id}`);
  await expect(page.getByText("What was said is heard by those whose role is to hear calls", { exact: false })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Keeping" })).toBeVisible();
  for (const name of ["Play", "Download", "Bookmark", "Note", "Category"]) {
    await expect(page.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await inBothLooks(page, "recording-administrator");
  await page.goto("/recordings");
  await page.getByRole("checkbox", { name: "Select all that are listed" }).check();
  await expect(page.getByRole("button", { name: "Export" })).toHaveCount(0);
  expect(refused).toEqual([]);
});

base("who has no calls of their own is told that, and not that there are none", async ({ page, recorder }) => {
  await recorder.recorded("--agent-phone", "4678", "--seconds", "2");
  await recorder.asksWho({ name: "sam", roles: ["supervisor"], business_units: [7] });
  const refused = refusals(page);
  await signIn(page, "sam");
  await expect(page.getByRole("heading", { level: 1, name: "Board" })).toBeVisible();
  await page.getByRole("banner").getByRole("link", { name: "Recordings" }).click();
  await expect(page.getByRole("heading", { name: "Nothing of yours has been recorded yet." })).toBeVisible();
  await expect(page.getByText("test call", { exact: false })).toHaveCount(0);
  await expect(page.getByText("sidetone call")).toHaveCount(0);
  await inBothLooks(page, "recordings-none-of-yours");
  await page.getByRole("banner").getByRole("link", { name: "Board" }).click();
  await expect(page.getByText("Ready for the first call")).toHaveCount(0);
  expect(refused).toEqual([]);
});

const brief = base.extend({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start({ settings: "[login]\nidle_minutes = 1\n" });
    await use(recorder);
    await recorder.stop();
  },
});

brief("a page that nobody touches leaves for the sign-in when the login is over", async ({ page, recorder }) => {
  brief.setTimeout(150_000);
  await recorder.asksWho({ name: "cora", roles: ["compliance"] });
  await signIn(page, "cora");
  await expect(page.getByRole("link", { name: "Details of Rowan Pike" })).toBeVisible();
  await expect(page).toHaveURL(/\/login\?next=/, { timeout: 90_000 });
  await expect(page.getByText("Rowan Pike")).toHaveCount(0);
  await expect(page.getByText("Sign in to go on; then you come back to the page you asked for.")).toBeVisible();
});
