import { defineConfig } from "@playwright/test";

// Against the built program, in Debian's Chromium. Each test starts a recorder of its own on free ports.
export default defineConfig({
  testDir: "tests",
  testMatch: "**/*.test.ts",
  outputDir: "../target/console-tests",
  timeout: 90_000,
  expect: { timeout: 20_000 },
  fullyParallel: true,
  workers: process.env["CONSOLE_WORKERS"] ? Number(process.env["CONSOLE_WORKERS"]) : 2,
  // They place real calls in real time: one that fails is tried once more, and the summary says flaky.
  retries: 1,
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    // Pictures and axe look at colours as they are, not on their way.
    contextOptions: { reducedMotion: "reduce" },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    launchOptions: {
      executablePath: process.env["CONSOLE_BROWSER"] ?? "/usr/bin/chromium",
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
      ],
    },
  },
});
