import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

import { test as base, expect, inBothLooks, type Page, Recorder, signIn } from "./recorder";

/** A port of loopback that nobody has at this moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** A provider that vouches for people, and the recorder it sends them back to. */
class Provider {
  private child: ChildProcess | null = null;

  private constructor(
    readonly issuer: string,
    readonly http: string,
  ) {}

  static async start(people: Record<string, unknown>): Promise<Provider> {
    const [port, own] = [await freePort(), await freePort()];
    const provider = new Provider(`http://localhost:${port}`, `127.0.0.1:${own}`);
    const home = `http://${provider.http}`;
    const told = { port, client: "sidetone", back: `${home}/v1/session/sign-on/callback`, home: `${home}/login`, people };
    const script = fileURLToPath(new URL("provider.mjs", import.meta.url));
    provider.child = spawn(process.execPath, [script, JSON.stringify(told)], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = createInterface({ input: provider.child.stdout! });
    for await (const line of lines) if (line === provider.issuer) break;
    return provider;
  }

  async says(of: string, claims: unknown): Promise<void> {
    await fetch(`${this.issuer}/people/${of}`, { method: "PUT", body: JSON.stringify(claims) });
  }

  async stop(): Promise<void> {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill();
    await gone;
  }
}

const GROUPS = `unknown = "admit"
[[sign_on.group]]
name = "leads"
roles = ["supervisor"]
business_units = [3]
`;

const test = base.extend<{ groups: string; provider: Provider }>({
  groups: [GROUPS, { option: true }],
  provider: async ({}, use) => {
    const provider = await Provider.start({ dana: { groups: ["leads"] }, kim: {} });
    await use(provider);
    await provider.stop();
  },
  recorder: async ({ provider, groups }, use) => {
    const settings = `[sign_on]\nissuer = "${provider.issuer}"\nclient_id = "sidetone"\nname = "Example ID"\n${groups}`;
    const recorder = await Recorder.start({ http: provider.http, settings, friends: [provider.issuer] });
    await recorder.asksWho();
    await use(recorder);
    await recorder.stop();
  },
});

async function enter(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: "Sign in with Example ID" }).click();
  await page.getByLabel("Who").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
}

test("somebody signs in at the provider, comes back to where they wanted to be, and signs out at both", async ({ page, provider }) => {
  await page.goto("/recordings");
  await expect(page.getByRole("link", { name: "Sign in with Example ID" })).toBeVisible();
  await inBothLooks(page, "login-sign-on");
  await enter(page, "dana");
  await expect(page).toHaveURL(/127\.0\.0\.1:\d+\/recordings$/);
  await expect(page.getByRole("banner").getByRole("link", { name: "dana" })).toBeVisible();
  await page.reload();
  await expect(page.getByText("Nothing of yours has been recorded yet.")).toBeVisible();

  await page.goto("/admin/account");
  await expect(page.getByText("You sign in with Example ID")).toBeVisible();
  await expect(page.getByLabel("New password")).toHaveCount(0);
  await expect(page.getByText("Supervisor", { exact: true })).toBeVisible();
  await inBothLooks(page, "account-sign-on");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page).toHaveURL(/127\.0\.0\.1:\d+\/login/);
  await expect(page.getByRole("banner").getByRole("link", { name: "dana" })).toHaveCount(0);

  // A right that was taken away there is gone here.
  await provider.says("dana", { groups: ["strangers"] });
  await enter(page, "dana");
  await expect(page.getByRole("alert")).toHaveText("None of your groups at the provider may do anything here.");
  await inBothLooks(page, "login-no-group");
});

test("why a sign-in has not worked is said in a sentence, and a password still opens the door", async ({ page, provider }) => {
  await page.goto("/login");
  await page.getByRole("link", { name: "Sign in with Example ID" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("alert")).toHaveText("The provider has not let you in.");
  await page.goto("/v1/session/sign-on/callback?state=of-somebody-else&code=theirs");
  await expect(page.getByRole("alert")).toHaveText("This sign-in was begun elsewhere, was used before, or took too long. Begin again.");
  await page.goto("/login?sign_on=<b>what</b>");
  await expect(page.getByRole("alert")).toHaveText("Signing in there has not worked.");
  await provider.stop();
  await page.goto("/login");
  await signIn(page, "ada");
});

test.describe("without groups", () => {
  test.use({ groups: "" });

  test("an administrator links an account with somebody the provider knows", async ({ page, recorder }) => {
    await page.goto("/login");
    await enter(page, "kim");
    await expect(page.getByRole("alert")).toHaveText("The provider knows you, and you have no account here. An administrator can link one with you.");
    await recorder.post("/v1/users", { name: "kim.lee", password: "a horse, a battery, a staple", roles: ["auditor"] });
    const refused = (await recorder.get("/v1/audit?action=login.begin")) as { items: { about: string }[] };
    const subject = refused.items[0]?.about.split(" ")[0] ?? "";
    await signIn(page, "ada");
    await page.goto("/admin/users?user=2");
    const sheet = page.getByRole("dialog");
    await sheet.getByLabel("Name at the provider").fill(subject);
    await sheet.getByRole("button", { name: "Link" }).click();
    await expect(sheet.getByRole("status")).toHaveText("The account is linked.");
    await inBothLooks(page, "admin-user-linked");
    await page.goto("/admin/account");
    await page.getByRole("button", { name: "Sign out" }).click();
    // The provider remembers kim.
    await page.getByRole("link", { name: "Sign in with Example ID" }).click();
    await expect(page.getByRole("banner").getByRole("link", { name: "kim.lee" })).toBeVisible();
  });
});
