import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "./recorder";

const RECORDINGS = 100_000;

test("a hundred thousand recordings are listed, searched and scrolled without pain", async ({ page, recorder }) => {
  test.setTimeout(240_000);
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550100", "--seconds", "2");
  await recorder.rest();
  const script = fileURLToPath(new URL("many.py", import.meta.url));
  console.log(execFileSync("python3", [script, path.join(recorder.data, "index.sqlite"), String(RECORDINGS)]).toString().trim());
  await recorder.again();

  let begun = Date.now();
  await page.goto("/recordings");
  const rows = page.getByRole("table").getByRole("row");
  // Looked at often: the patience of the usual look would be measured with it.
  await expect.poll(() => rows.count(), { intervals: [20] }).toBeGreaterThan(5);
  console.log(`list: first page after ${Date.now() - begun} ms, of which the recorder took ${await page.getByRole("status").last().getAttribute("data-took")} ms`);

  // As it is typed, key by key.
  await page.getByLabel("Search recordings").pressSequentially("+1555007777", { delay: 60 });
  begun = Date.now();
  await page.getByLabel("Search recordings").press("7");
  await expect.poll(() => rows.count(), { intervals: [20] }).toBe(2);
  await expect(rows.nth(1)).toContainText("+15550077777");
  console.log(`search: one of ${RECORDINGS} after ${Date.now() - begun} ms, of which the recorder took ${await page.getByRole("status").last().getAttribute("data-took")} ms`);

  // Scrolled on and on: pages come, and only the rows in sight are made.
  await page.getByLabel("Search recordings").fill("");
  const list = page.getByRole("region", { name: "Recordings" });
  await expect(rows.nth(5)).toBeVisible();
  for (const wanted of [300, 800, 1_500]) {
    await expect
      .poll(async () => {
        await list.evaluate((it) => it.scrollTo(0, it.scrollHeight));
        return Number(/^[\d,]+/.exec((await page.getByText(/ found$/).textContent()) ?? "")?.[0].replace(/,/g, "") ?? 0);
      })
      .toBeGreaterThan(wanted);
  }
  expect(await rows.count()).toBeLessThan(90);
});
