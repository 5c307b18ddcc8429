import { svelte, vitePreprocess } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

import { parts } from "./parts";

// Three files with fixed names: what is built is committed and embedded in the program, and CI builds it again and compares.
export default defineConfig({
  plugins: [svelte({ configFile: false, preprocess: vitePreprocess() }), parts()],
  build: {
    // CI builds elsewhere, to compare.
    outDir: process.env["CONSOLE_OUT"] ?? "../crates/server/src/web/dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      output: {
        codeSplitting: false,
        entryFileNames: "console.js",
        assetFileNames: "console[extname]",
      },
    },
  },
  server: {
    // `npm run dev` beside a recorder on its usual port.
    proxy: Object.fromEntries(["/v1", "/api", "/readyz", "/metrics", "/openapi.json"].map((at) => [at, "http://127.0.0.1:8080"])),
  },
});
