import { createServer } from "node:http";
import { createSocket } from "node:dgram";

import { expect, inBothLooks, test } from "./recorder";

test("agents are found, changed, seated and removed", async ({ page, recorder }) => {
  await page.goto("/admin/agents");
  await expect(page.getByText("2 agents")).toBeVisible();
  await page.getByRole("button", { name: "New agent" }).click();
  await page.getByLabel("Number", { exact: true }).fill("7");
  await page.getByLabel("Name", { exact: true }).fill("Marit Solheim");
  await page.getByLabel("Phone", { exact: true }).fill("4700");
  await page.getByLabel("Business unit").fill("3");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("3 agents")).toBeVisible();
  expect(await recorder.get("/v1/agents/7")).toMatchObject({ name: "Marit Solheim", phone: "4700", business_unit: 3 });
  await inBothLooks(page, "admin-agents");

  // At Rowan's phone: he has no seat then.
  await page.getByLabel("Find agents").fill("marit");
  await page.getByRole("link", { name: "Marit Solheim" }).click();
  await inBothLooks(page, "admin-agent");
  await page.getByLabel("Seat at phone").fill("4678");
  await page.getByRole("button", { name: "Seat", exact: true }).click();
  await expect(page.getByRole("dialog").getByRole("status")).toHaveText("Sits at 4678 now; without a seat: agent 1.");
  expect(await recorder.get("/v1/agents/1")).toMatchObject({ phone: "" });
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByText("No agent fits.")).toBeVisible();
});

test("what is wrong with an agent stands beside the field, or says what it is about", async ({ page }) => {
  await page.goto("/admin/agents?agent=new");
  await page.getByLabel("Number", { exact: true }).fill("9");
  await page.getByLabel("Name", { exact: true }).fill("x".repeat(300));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("The name is longer than 256 characters.");
});

test("an import shows what would come of it, and names the line that is wrong", async ({ page, recorder }) => {
  await page.goto("/admin/agents");
  await page.getByRole("button", { name: "Import" }).click();
  const text = page.getByLabel("Or the text itself");
  await text.fill("id,name,phone\n1,Rowan Pike,4678\nseven,Luc,4701\n");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText('not "seven"');
  await expect(page.getByRole("dialog")).toContainText("Line 3");
  await expect(page.getByRole("dialog").locator("code")).toHaveText("seven,Luc,4701");
  await inBothLooks(page, "admin-import");
  await text.fill("id,name,phone,username,system_username,crm_username\n1,Rowan Pike,4678,rpike,CORP\\rpike,rowan\n2,Wren I.,4102,wito,CORP\\wito,wren\n7,Luc,4701,,,\n");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByLabel("What would be done")).toHaveText(/1\s*new.*1\s*changed.*1\s*as they are|new\s*1.*changed\s*1.*as they are\s*1/s);
  expect((await fetch(`${recorder.url}/v1/agents/7`)).status).toBe(404);
  await page.getByRole("button", { name: "Import 2" }).click();
  await expect(page.getByText("Imported: 1 new, 1 changed, 1 as they were.")).toBeVisible();
  expect(await recorder.get("/v1/agents/2")).toMatchObject({ name: "Wren I." });
});

test("a schedule is made, and says what would become of a call", async ({ page, recorder }) => {
  await page.goto("/admin/schedules");
  await expect(page.getByText("There are no schedules")).toBeVisible();
  await page.getByRole("button", { name: "New schedule" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name").fill("Nothing of unit 3");
  await sheet.getByLabel("Percent", { exact: true }).fill("0");
  await sheet.getByLabel("Business units").fill("three");
  await sheet.getByRole("button", { name: "Save" }).click();
  await expect(sheet.getByRole("alert").first()).toContainText("business_units");
  await sheet.getByLabel("Business units").fill("3");
  await sheet.getByRole("button", { name: "Add hours" }).click();
  await sheet.getByRole("button", { name: "Monday" }).click();
  await sheet.getByRole("button", { name: "Tuesday" }).click();
  await inBothLooks(page, "admin-schedule");
  await sheet.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /Nothing of unit 3/ })).toContainText("mon, tue 08:00–18:00");
  expect(await recorder.get("/v1/schedules/1")).toMatchObject({ kind: { type: "percentage", percent: 0 }, match: { business_units: [3] } });

  // 30 November 2026 is a Monday; the day before is a Sunday.
  await page.getByLabel("Business unit").fill("3");
  await page.getByLabel("Begins").fill("2030-12-02T12:00");
  await page.getByRole("button", { name: "Explain" }).click();
  await expect(page.getByRole("main").getByRole("status").last()).toContainText("Not kept.");
  await page.getByLabel("Begins").fill("2030-12-01T12:00");
  await page.getByRole("button", { name: "Explain" }).click();
  await expect(page.getByRole("main").getByRole("status").last()).toContainText("passed over");
  await inBothLooks(page, "admin-schedules");
});

test("a hold keeps a recording from an erasure by subject, until it is released", async ({ page, recorder }) => {
  await recorder.recorded("--agent-phone", "4678", "--number", "+15550777", "--seconds", "2");
  await page.goto("/admin/holds");
  await expect(page.getByText("There are no holds.")).toBeVisible();
  await page.getByRole("button", { name: "Place a hold" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Matter").fill("2026-77");
  await sheet.getByLabel("Owner").fill("Dana");
  await sheet.getByLabel("Reason").fill("A claim");
  await sheet.getByLabel("Number").fill("15550777");
  await sheet.getByLabel("Your name").fill("Robin");
  await inBothLooks(page, "admin-hold");
  await sheet.getByRole("button", { name: "Place" }).click();
  await expect(page.getByRole("row", { name: /2026-77/ })).toContainText("Robin");
  await inBothLooks(page, "admin-holds");

  await page.goto("/admin/erasures");
  await page.getByLabel("Number").fill("+15550777");
  await page.getByLabel("Legal ground").fill("GDPR 17(1)(a)");
  await page.getByRole("button", { name: "Show what would go" }).click();
  await expect(page.getByText("0 recordings would go. 1 stays.")).toBeVisible();
  await inBothLooks(page, "admin-erasures");

  await page.goto("/admin/holds");
  await page.getByRole("button", { name: "Release" }).click();
  await page.getByRole("dialog").getByLabel("Why").fill("The claim is settled");
  await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
  await expect(page.getByText("Hold 1 is released.")).toBeVisible();

  await page.goto("/admin/erasures");
  await page.getByLabel("Number").fill("+15550777");
  await page.getByLabel("Legal ground").fill("GDPR 17(1)(a)");
  await page.getByRole("button", { name: "Show what would go" }).click();
  await expect(page.getByText("1 recording would go.")).toBeVisible();
  await page.getByRole("button", { name: "Erase 1 recording" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Erase 1 recording" }).click();
  await expect(page.getByText("1 recording was erased.")).toBeVisible();
  await expect(page.getByRole("row", { name: /GDPR 17/ })).toContainText("Robin");
  expect(await recorder.recordings()).toEqual([]);
});

test("an INVITE that was refused stands under trunks, with the reason", async ({ page, recorder }) => {
  await page.goto("/admin/trunks");
  await expect(page.getByText("Nothing was turned away")).toBeVisible();
  await refusedInvite(recorder.sipAddress);
  await page.getByRole("button", { name: "Look again" }).click();
  await expect(page.getByLabel("The last INVITE that was refused")).toContainText("want +sip.src in Contact");
  await expect(page.getByRole("row", { name: /Peers without a trunk/ })).toContainText("403");
  await inBothLooks(page, "admin-trunks");
});

test("a receiver of events is made, its secret told once, and its deliveries seen", async ({ page, recorder }) => {
  const heard: string[] = [];
  const receiver = createServer((request, response) => {
    request.on("data", (bytes: Buffer) => heard.push(bytes.toString()));
    request.on("end", () => response.writeHead(204).end());
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const { port } = receiver.address() as { port: number };
  try {
    await page.goto("/admin/webhooks?edit=new");
    const sheet = page.getByRole("dialog");
    await sheet.getByLabel("URL").fill("ftp://nobody");
    await sheet.getByRole("button", { name: "Save" }).click();
    await expect(sheet.getByRole("alert")).toContainText("It is no http:// or https:// URL");
    await sheet.getByLabel("URL").fill(`http://127.0.0.1:${port}/events`);
    await sheet.getByRole("button", { name: "Save" }).click();
    await expect(sheet).toContainText("whsec_");
    await sheet.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("link", { name: /events$/ }).click();
    await page.getByRole("button", { name: "Send a test" }).click();
    // This machine's own addresses are open to receivers only where the settings say so.
    await expect(page.getByText(/The receiver has (not )?taken it/)).toBeVisible();
    await recorder.post("/v1/agents/8", { phone: "4708" }, "PUT");
    await expect(page.getByRole("row", { name: /agent\.put/ })).toBeVisible();
    await inBothLooks(page, "admin-webhooks");
  } finally {
    receiver.close();
  }
});

test("retention, its actions and the health of the recorder are shown", async ({ page, recorder }) => {
  await recorder.recorded("--seconds", "2");
  await page.goto("/admin/retention");
  await expect(page.getByRole("row", { name: /Purge/ })).toContainText("delete");
  await expect(page.getByText("The settings name no archive.")).toBeVisible();
  await inBothLooks(page, "admin-retention");
  await page.getByRole("button", { name: "New action" }).click();
  await page.getByLabel("Name").fill("x".repeat(201));
  await page.getByLabel("Archive", { exact: true }).fill("vault");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("1 to 200 bytes");
  await page.getByLabel("Name").fill("Move away");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /Move away/ })).toContainText("vault");

  await page.goto("/admin/health");
  await expect(page.getByText(/[0-9.]+ (GB|TB|MB)/).first()).toBeVisible();
  await inBothLooks(page, "admin-health");
});

/** Sends an INVITE that is no recording session, and waits for its refusal. */
async function refusedInvite(to: string): Promise<void> {
  const [host, port] = to.split(":");
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  const from = `127.0.0.1:${socket.address().port}`;
  const lines = [
    `INVITE sip:srs@${to} SIP/2.0`, `Via: SIP/2.0/UDP ${from};branch=z9hG4bKrefused`, "Max-Forwards: 70", `From: <sip:pbx@${from}>;tag=1`,
    `To: <sip:srs@${to}>`, "Call-ID: refused", "CSeq: 1 INVITE", `Contact: <sip:pbx@${from}>`, "Content-Length: 0", "", "",
  ];
  const answer = new Promise<string>((done) => socket.on("message", (bytes) => /^SIP\/2.0 [3-6]/.test(String(bytes)) && done(String(bytes))));
  socket.send(lines.join("\r\n"), Number(port), host);
  await answer;
  socket.close();
}
