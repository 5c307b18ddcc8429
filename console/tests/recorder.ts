//! A recorder that runs for one test: the built program with real calls, as `sidetone call` places them.

import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env["CARGO_TARGET_DIR"] ?? path.join(root, "target");
/** The program of the benchmark, which writes recordings of long calls. */
export const bench = process.env["SIDETONE_BENCH"] ?? path.join(target, "debug/bench");
const program = process.env["SIDETONE_BIN"] ?? path.join(target, "debug/sidetone");

const AGENTS = `id,phone,username,system_username,crm_username,name
1,4678,rpike,CORP\\rpike,rowan,Rowan Pike
2,4102,wito,CORP\\wito,wren,Wren Ito
`;

/** The password of everybody who has one. */
export const PASSWORD = "a horse, a battery, a staple";

/** What an administrator tells somebody to sign in with for the first time. */
export const FIRST_PASSWORD = "said on the telephone";

/** Where pictures of the pages are kept. */
export const screenshots = path.join(root, "target/screenshots");

/** How a recorder is started. */
export interface Setup {
  /** Agents it knows: 1 (on 4678) and 2 (on 4102) if these are not said. */
  agents?: string;
  /** Where it hears HTTP; a free port of loopback if it is not said. */
  http?: string;
  /** The text of its settings file. */
  settings?: string;
  /** Other places that its pages may lead to. */
  friends?: string[];
}

/** A recorder, and calls into it. */
export class Recorder {
  private child: ChildProcess | null = null;
  private calls: ChildProcess[] = [];
  /** `http://127.0.0.1:PORT`. */
  url = "";
  private sip = "";
  private key = "";

  private constructor(
    private readonly folder: string,
    private readonly setup: Setup,
  ) {}

  /** Starts one. */
  static async start(setup: Setup = {}): Promise<Recorder> {
    const recorder = new Recorder(await mkdtemp(path.join(tmpdir(), "sidetone-console-")), setup);
    await writeFile(path.join(recorder.folder, "agents.csv"), setup.agents ?? AGENTS);
    await writeFile(path.join(recorder.folder, "settings.toml"), setup.settings ?? "");
    await recorder.serve(setup.http ?? "127.0.0.1:0");
    return recorder;
  }

  /** Whether a page of it may lead there. */
  knows(url: string): boolean {
    return [this.url, "data:", "blob:", ...(this.setup.friends ?? [])].some((it) => url.startsWith(it));
  }

  private async serve(http: string): Promise<void> {
    const beside = (name: string) => path.join(this.folder, name);
    const said = ["serve", "--config", beside("settings.toml"), "--data", this.data, "--http", http, "--sip", "127.0.0.1:0", "--agents", beside("agents.csv")];
    this.child = spawn(program, said, { stdio: ["ignore", "pipe", "ignore"], env: cleanEnvironment() });
    const lines = createInterface({ input: this.child.stdout! });
    const [line] = (await Promise.race([once(lines, "line"), once(this.child, "exit")])) as [string];
    const at = /SIP ([\d.]+:\d+).*?(http:\/\/[\d.]+:\d+)|(http:\/\/[\d.]+:\d+).*?SIP ([\d.]+:\d+)/.exec(String(line));
    if (!at) throw new Error(`${program} does not start: ${line}`);
    this.sip = at[1] ?? at[4] ?? "";
    this.url = at[2] ?? at[3] ?? "";
  }

  /** Where it hears SIP, `127.0.0.1:PORT`. */
  get sipAddress(): string {
    return this.sip;
  }

  /** Its data folder. */
  get data(): string {
    return path.join(this.folder, "data");
  }

  /** Ends it as SIGTERM does: calls go on at its next start. */
  async rest(): Promise<void> {
    await end(this.child, "SIGTERM");
    this.child = null;
  }

  /** Starts it again at the same address. */
  async again(): Promise<void> {
    await this.serve(this.url.replace("http://", ""));
  }

  /** Ends it and its calls, and takes its folder away. */
  async stop(): Promise<void> {
    for (const call of this.calls) await end(call, "SIGKILL");
    await end(this.child, "SIGINT");
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Places a call, which goes on by itself; wait for [`ended`] of it. */
  call(...args: string[]): ChildProcess {
    const call = spawn(program, ["call", "--to", `sip:${this.sip}`, ...args], { stdio: "ignore", env: cleanEnvironment() });
    this.calls.push(call);
    return call;
  }

  /** Places a call and waits until it is sealed and found; gives its recording. */
  async recorded(...args: string[]): Promise<{ id: string; call: string; [name: string]: unknown }> {
    const before = new Set((await this.recordings()).map((it) => it.id));
    await ended(this.call(...args));
    return this.eventually("a sealed recording", async () => (await this.recordings()).find((it) => !before.has(it.id)));
  }

  /** Places a call of agent 1 on 4678 that is dark from `fromMs` of it on, for two seconds; gives its recording once it is sealed. */
  async recordedDark(fromMs: number, ...args: string[]): Promise<{ id: string; started: string; manifest: { blackouts: { from: string; until: string }[] } }> {
    const call = this.call("--agent-phone", "4678", ...args);
    await this.heardNow("4678");
    await new Promise((done) => setTimeout(done, fromMs));
    const who = { AgentIdentifier: "Id", Value: "1" };
    await this.post("/api/Blackout/StartForAgent", who);
    await new Promise((done) => setTimeout(done, 2_000));
    await this.post("/api/Blackout/StopForAgent", who);
    await ended(call);
    const { id } = await this.eventually("a sealed recording", async () => (await this.recordings())[0]);
    return (await this.get(`/v1/recordings/${id}`)) as { id: string; started: string; manifest: { blackouts: { from: string; until: string }[] } };
  }

  /** Its process. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** The finished recordings, newest first. */
  async recordings(): Promise<{ id: string; call: string }[]> {
    return ((await this.get("/v1/recordings?limit=500")) as { items: { id: string; call: string }[] }).items;
  }

  /** From now on it asks who somebody is: ada is its administrator, others have the same password. What a test asks beside the pages it asks with a key. */
  async asksWho(...others: { name: string; roles: string[]; business_units?: number[]; agents?: number[] }[]): Promise<void> {
    const roles = ["administrator", "compliance", "privacy_officer", "integration", "auditor"];
    const { key } = (await this.post("/v1/api-keys", { name: "tests", roles })) as { key: string };
    this.key = key;
    await this.post("/v1/users/first", { name: "ada", password: PASSWORD, roles: ["administrator"] });
    for (const it of others) {
      await this.post("/v1/users", { password: FIRST_PASSWORD, ...it });
      await this.settle(it.name);
    }
  }

  /** Somebody signs in for the first time, and sets their own password. */
  async settle(name: string): Promise<void> {
    const json = { "content-type": "application/json" };
    const login = await fetch(`${this.url}/v1/session`, { method: "POST", headers: json, body: JSON.stringify({ name, password: FIRST_PASSWORD }) });
    const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
    const token = ((await login.json()) as { csrf_token: string }).csrf_token;
    const headers = { ...json, cookie, "x-csrf-token": token };
    const set = await fetch(`${this.url}/v1/session/password`, { method: "PUT", headers, body: JSON.stringify({ old: FIRST_PASSWORD, new: PASSWORD }) });
    if (!set.ok) throw new Error(`${name}: ${set.status} ${await set.text()}`);
    await fetch(`${this.url}/v1/session`, { method: "DELETE", headers });
  }

  private get headers(): Record<string, string> {
    return { "content-type": "application/json", ...(this.key && { authorization: `Bearer ${this.key}` }) };
  }

  /** What it answers. */
  async get(at: string): Promise<unknown> {
    return (await fetch(this.url + at, { headers: this.headers })).json();
  }

  /** Sends it something; what is no 2xx is an error. */
  async post(at: string, body: unknown, method = "POST"): Promise<unknown> {
    const answer = await fetch(this.url + at, { method, headers: this.headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${at}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** The live recording of a device, once it can be heard. */
  async heardNow(device: string): Promise<{ id: string; call: string }> {
    type Calls = { items: { id: string; device: string; recordings: { id: string; audio: string | null }[] }[] };
    return this.eventually("a recording that can be heard", async () => {
      const calls = (await this.get("/v1/calls?state=live")) as Calls;
      const call = calls.items.find((it) => it.device === device);
      const recording = call?.recordings.find((it) => it.audio);
      return call && recording ? { id: recording.id, call: call.id } : undefined;
    });
  }

  /** Asks until there is an answer. */
  async eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`there is no ${what}`);
  }
}

/** Waits for the end of a call. */
export async function ended(call: ChildProcess): Promise<void> {
  if (call.exitCode === null) await once(call, "exit");
  if (call.exitCode !== 0) throw new Error(`the call failed (${call.exitCode})`);
}

async function end(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

// The tester's own settings are none of a test's.
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SIDETONE_")));
}

/** The code an app shows (RFC 6238), `ahead` steps of 30 seconds from now. */
export function codeOf(secret: string, ahead = 0): string {
  const bits = [...secret].map((it) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((it) => parseInt(it, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

/** Signs somebody in, who has come to the login page or goes there. */
export async function signIn(page: Page, name: string, code = ""): Promise<void> {
  if (!page.url().includes("/login")) await page.goto("/login");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  if (code) {
    await page.getByLabel("Code of your app").fill(code);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  await expect(page.getByRole("banner").getByRole("link", { name })).toBeVisible();
}

/** Nothing that axe calls serious or critical, in the looks that are on. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const grave = violations.filter((it) => it.impact === "serious" || it.impact === "critical");
  expect(grave.map((it) => `${it.id}: ${it.help}: ${it.nodes.map((node) => node.html).join(" | ")}`), what).toEqual([]);
}

/** A picture of the page, kept. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}

/** Looks at a page in light and dark: axe has nothing grave, and pictures of both are kept. */
export async function inBothLooks(page: Page, name: string): Promise<void> {
  for (const looks of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: looks });
    await picture(page, `${name}-${looks}`);
    await expectAccessible(page, `${name}, ${looks}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Tests with a recorder of their own. Whatever a page asks from elsewhere, and whatever the policy forbids, fails them. */
export const test = base.extend<{ recorder: Recorder; faults: string[] }>({
  recorder: async ({}, use) => {
    const recorder = await Recorder.start();
    await use(recorder);
    await recorder.stop();
  },
  faults: [
    async ({ page, recorder }, use) => {
      // While the console is written: what was built last in place of what the program has embedded.
      for (const name of process.env["CONSOLE_DIST"] ? ["console.js", "console.css"] : []) {
        await page.route(`**/${name}`, (route) => route.fulfill({ path: path.join(root, "crates/server/src/web/dist", name) }));
      }
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(`error on the page: ${error.message}`));
      page.on("console", (line) => {
        if (line.type() === "error" && /Content Security Policy|Refused to/.test(line.text())) faults.push(line.text());
      });
      page.on("request", (request) => {
        const url = request.url();
        if (!recorder.knows(url)) faults.push(`asks ${url}`);
      });
      await use(faults);
      expect(faults).toEqual([]);
    },
    { auto: true },
  ],
  baseURL: async ({ recorder }, use) => use(recorder.url),
});

export { expect, type Page };
