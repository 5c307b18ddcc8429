//! What the built page is made of beside our own code: a line for each package of which some is in it, for the bill of materials.

import { readFileSync } from "node:fs";
import path from "node:path";

import type { Plugin } from "vite";

interface Locked {
  version: string;
  license?: string;
  integrity?: string;
}

/** Writes `parts.txt` beside what is built: name, version, SHA-512 of the package, licence. */
export function parts(): Plugin {
  return {
    name: "parts",
    generateBundle(_, bundle) {
      const lock = JSON.parse(readFileSync(path.join(import.meta.dirname, "package-lock.json"), "utf8")) as { packages: Record<string, Locked> };
      const found = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          // The innermost folder is the package; what a tool makes up has a NUL before it.
          const inside = id.replace(/^\0/, "").split("node_modules/").slice(1).at(-1);
          const name = inside && /^(@[^/]+\/)?[^/?]+/.exec(inside)?.[0];
          if (name) found.add(name);
        }
      }
      const lines = [...found].sort().map((name) => {
        const locked = lock.packages[`node_modules/${name}`];
        const sum = /^sha512-(\S+)$/.exec(locked?.integrity ?? "")?.[1];
        if (!locked?.license || !sum) throw new Error(`package-lock.json does not say licence and SHA-512 of ${name}`);
        return `${name} ${locked.version} ${Buffer.from(sum, "base64").toString("hex")} ${locked.license}\n`;
      });
      this.emitFile({ type: "asset", fileName: "parts.txt", source: lines.join("") });
    },
  };
}
