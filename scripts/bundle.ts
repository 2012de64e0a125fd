// Makes dist/cli.js (with a chunk for each command, loaded when it is used) and dist/index.js.
import { rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist/chunks", { recursive: true, force: true });

await build({
  entryPoints: { cli: "src/cli.ts", index: "src/index.ts" },
  outdir: "dist",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.18",
  minifySyntax: true,
  minifyWhitespace: true,
  // yaml offers its ES modules only to browsers; they are the same code and half the size when bundled.
  alias: { yaml: new URL("../node_modules/yaml/browser/index.js", import.meta.url).pathname },
  // For packages in CommonJS that require Node's own modules.
  banner: {
    js: 'import{createRequire as pavlosRequire}from"node:module";const require=pavlosRequire(import.meta.url);',
  },
  legalComments: "none",
  logLevel: "warning",
});
