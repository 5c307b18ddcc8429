import { expect, expectAccessible, type Page, picture, test } from "./recorder";

/** Nothing reaches beyond the window, sideways. */
async function expectNoOverflow(page: Page, what: string): Promise<void> {
  const wide = await page.evaluate(() => {
    const beyond = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest(".scroll, .unseen"));
    return { by: document.documentElement.scrollWidth - innerWidth, what: beyond.slice(0, 3).map((it) => it.outerHTML.slice(0, 120)) };
  });
  expect(wide.by, `${what}: ${wide.what.join("\n")}`).toBe(0);
}

// A telephone, and 1280 by 1024 zoomed to 200 and to 400 per cent (WCAG 2.2, 1.4.10).
const WINDOWS = [
  { name: "phone", width: 390, height: 844 },
  { name: "200", width: 640, height: 512 },
  { name: "400", width: 320, height: 256 },
];

test("the player is whole and plays on a telephone, and zoomed to 200 and 400 per cent", async ({ page, recorder }) => {
  const { id, started, manifest } = await recorder.recordedDark(2_000, "--number", "+15550142", "--seconds", "8", "--keys", "12");
  const darkTo = (Date.parse(manifest.blackouts[0]!.until) - Date.parse(started)) / 1000;
  const at = () => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);
  for (const { name, width, height } of WINDOWS) {
    await page.setViewportSize({ width, height });
    await page.goto(`/recordings/${id}`);
    await expect(page.getByRole("slider", { name: "Place in the recording" })).toBeVisible();
    await expectNoOverflow(page, name);
    await picture(page, `recording-${name}`);
    await expectAccessible(page, `the player, ${name}`);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(at).toBeGreaterThan(0.2);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Play what follows: Blackout" }).click();
    await expect.poll(at).toBeGreaterThan(darkTo);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Download" }).click();
    await expect(page.getByRole("link", { name: "MP3" })).toBeInViewport();
    await page.keyboard.press("Escape");
  }
});

test("board, list and call page reflow on a telephone and at 400 per cent", async ({ page, recorder }) => {
  const { call } = await recorder.recorded("--agent-phone", "4678", "--number", "+15550142", "--seconds", "2");
  for (const { name, width, height } of WINDOWS) {
    await page.setViewportSize({ width, height });
    for (const [at, ready] of [["/", "Board"], ["/recordings", "Recordings"], [`/calls/${call}`, "Call"], ["/admin/health", "Administration"]] as const) {
      await page.goto(at);
      await expect(page.getByRole("heading", { level: 1 }).first()).toContainText(at === "/admin/health" ? /./ : ready);
      await expectNoOverflow(page, `${at}, ${name}`);
      await picture(page, `${ready.toLowerCase()}-${name}`);
    }
  }
});
