// Builds ../cfgsweep/pages/dist: index.html, app.js, app.css. `node build.mjs FOLDER` builds into another folder.
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? `${here}../cfgsweep/pages/dist`;
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: out,
  bundle: true,
  format: "iife",
  minify: true,
  target: ["chrome120", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "eof",
  charset: "utf8",
  logLevel: "warning",
});
copyFileSync(`${here}index.html`, `${out}/index.html`);
