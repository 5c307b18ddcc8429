import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, inBothLooks, Recorder, test as base } from "./recorder";

/** A recorder that may call this machine. */
const test = base.extend<object>({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start({ settings: '[webhooks]\nallow = ["127.0.0.0/8"]\n' });
    await use(recorder);
    await recorder.stop();
  },
});

test("a delivery that failed is seen with its reason, and is sent again when the receiver is mended", async ({ page, recorder }) => {
  const heard: { id: string; type: string }[] = [];
  let broken = true;
  const receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString()));
    request.on("end", () => {
      if (!broken) heard.push(JSON.parse(body) as { id: string; type: string });
      response.writeHead(broken ? 503 : 204).end();
    });
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const { port } = receiver.address() as AddressInfo;
  try {
    await recorder.post("/v1/webhooks", { url: `http://127.0.0.1:${port}/events`, kinds: ["agent"] });
    await page.goto("/admin/webhooks");
    await page.getByRole("link", { name: /events$/ }).click();
    await page.getByRole("button", { name: "Send a test" }).click();
    await expect(page.getByText(/The receiver has not taken it/)).toBeVisible();
    await recorder.post("/v1/agents/8", { phone: "4708" }, "PUT");
    const row = page.getByRole("row", { name: /agent\.put/ }).first();
    await expect(row).toContainText("waiting");
    await expect(row).toContainText("503");
    await inBothLooks(page, "admin-deliveries");

    broken = false;
    await page.getByRole("button", { name: "Send a test" }).click();
    await expect(page.getByText("The receiver has taken it (204).")).toBeVisible();
    // What waited goes by itself, or at once when asked to; what was delivered is sent anew.
    const since = new Date(Date.now() - 3_600_000).toLocaleString("sv-SE", { timeZone: "Europe/Berlin" }).replace(" ", "T").slice(0, 16);
    const count = () => heard.filter((it) => it.type.endsWith("agent.put")).length;
    for (const wanted of [1, 2]) {
      await page.getByLabel("Since").fill(since);
      await page.getByLabel("only those given up").uncheck();
      await page.getByRole("button", { name: "Send again" }).click();
      await expect(page.getByText(/events? goe?s? out again\./)).toBeVisible();
      await expect.poll(count).toBeGreaterThanOrEqual(wanted);
    }
    expect(new Set(heard.filter((it) => it.type.endsWith("agent.put")).map((it) => it.id)).size, "the same event, by its id").toBe(1);
    await page.reload();
    await page.getByLabel("State").selectOption("delivered");
    await expect(page.getByRole("row", { name: /agent\.put/ }).first()).toContainText("204");
  } finally {
    receiver.close();
  }
});
