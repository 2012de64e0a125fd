// Makes dist/: cli.cjs (which loads the program), pavlos-<hash>.cjs (the program), a file for each large
// library that only some commands use, and index.js for pavlos.config.ts.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";

const dist = new URL("../dist/", import.meta.url).pathname;
const project = new URL("..", import.meta.url).pathname;

/** Packages in files of their own: read and compiled only where they are used. By name: what is bundled. */
const libraries: Readonly<Record<string, string>> = {
  chokidar: "chokidar",
  listr2: "listr2",
  "smol-toml": "smol-toml",
  undici: "undici",
  // yaml offers its ES modules only to browsers; they are the same code and half the size when bundled.
  yaml: join(project, "node_modules/yaml/browser/index.js"),
};

/** Imports of a library, dynamic ones too, become a require of its file. */
const librariesApart = (files: ReadonlyMap<string, string>): Plugin => ({
  name: "libraries-apart",
  setup({ onResolve, onLoad }) {
    const names = new RegExp(`^(${[...files.keys()].join("|")})$`);
    onResolve({ filter: names }, ({ path }) => ({ path, namespace: "library" }));
    onResolve({ filter: /^\.\//, namespace: "library" }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: "library" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(`./${files.get(path)}`)});`,
    }));
  },
});

const common = {
  bundle: true,
  platform: "node",
  target: "node22.18",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
} as const satisfies BuildOptions;

const url = 'const pavlosUrl=process.getBuiltinModule("node:url").pathToFileURL(__filename).href;';

const commonjs = {
  ...common,
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  outdir: dist,
  metafile: true,
  define: { "import.meta.url": "pavlosUrl", "import.meta.dirname": "__dirname" },
} as const satisfies BuildOptions;

mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist)) if (name.endsWith(".cjs")) rmSync(join(dist, name));

/** The name has a hash of the content: what is kept of a compiled file belongs to exactly that one. */
async function bundle(name: string, entry: string, plugins: readonly Plugin[]): Promise<string> {
  const { metafile } = await build({
    ...commonjs,
    entryPoints: { [name]: entry },
    entryNames: "[name]-[hash]",
    // As src/host/compiled.ts evaluates it: putting a frame around a megabyte at each start costs two copies.
    banner: { js: `(function(exports,require,module,__filename,__dirname){${url}` },
    footer: { js: "})" },
    plugins: [...plugins],
  });
  return basename(Object.keys(metafile.outputs)[0] ?? "");
}

const files = new Map<string, string>();
for (const [name, entry] of Object.entries(libraries)) files.set(name, await bundle(name, entry, []));

const program = await bundle("pavlos", "src/commands/main.ts", [librariesApart(files)]);
await build({
  ...commonjs,
  entryPoints: { cli: "src/cli.ts" },
  banner: { js: url },
  define: { ...commonjs.define, pavlosProgram: JSON.stringify(program) },
});
await build({ ...common, format: "esm", outdir: dist, entryPoints: { index: "src/index.ts" } });
