// What a browser has to load before the first view, and the most that may be.
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 300_000;

const built = process.env["CONSOLE_OUT"] ?? "../crates/server/src/web/dist";

const sizes = ["console.js", "console.css"].map((name) => {
  const bytes = readFileSync(path.join(import.meta.dirname, built, name));
  return { name, plain: bytes.length, zipped: gzipSync(bytes, { level: 9 }).length };
});
for (const { name, plain, zipped } of sizes) {
  console.log(`${name}: ${(plain / 1000).toFixed(1)} kB, ${(zipped / 1000).toFixed(1)} kB gzipped`);
}
const script = sizes[0].zipped;
if (script > MOST_BYTES) {
  console.error(`the script is ${script} bytes gzipped; at most ${MOST_BYTES} may be: load less before the first view`);
  process.exit(1);
}
