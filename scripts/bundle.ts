// Makes dist/cli.js (with a chunk for each command, loaded when it is used) and dist/index.js.
import { rmSync } from "node:fs";
import { build, type Plugin } from "esbuild";

rmSync("dist/chunks", { recursive: true, force: true });

/**
 * An import of one of Node's own modules reads all its exports, also those that load a dozen others
 * when they are touched (streams behind fs, encodings behind util): a fifth of the start-up. Taken
 * as an object, only what is used is loaded.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "builtin" }));
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

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
  plugins: [lazyBuiltins],
  legalComments: "none",
  logLevel: "warning",
});
