import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What evaluating a module of the user gave, and every file of theirs that took part. */
export interface ImportedModule {
  readonly outcome:
    | { readonly kind: "exports"; readonly exports: Readonly<Record<string, unknown>> }
    /** Whatever it threw: a syntax error, a missing import, an error of its own. */
    | { readonly kind: "thrown"; readonly error: unknown };
  /** Absolute paths, the module itself first. */
  readonly files: readonly string[];
}

/** Marks modules that belong to one evaluation: `?pavlos=3`. Its number makes every evaluation a new one. */
const mark = "pavlos";
const ownPackage = "pavlos:config";
const files = new Map<string, Set<string>>();
let evaluations = 0;
let hooked = false;

/**
 * Evaluates a TypeScript or JavaScript module as it is on disk now, with all that it imports by path.
 * `import ... from "pavlos"` works everywhere, without an installed package.
 */
export async function importConfigModule(path: string): Promise<ImportedModule> {
  if (!hooked) installHooks();
  hooked = true;
  evaluations += 1;
  const id = String(evaluations);
  const seen = new Set([path]);
  files.set(id, seen);
  const url = `${pathToFileURL(path).href}?${mark}=${id}`;
  try {
    const exports: Record<string, unknown> = await import(url);
    return { outcome: { kind: "exports", exports }, files: [...seen] };
  } catch (error) {
    return { outcome: { kind: "thrown", error }, files: [...seen] };
  } finally {
    files.delete(id);
  }
}

function installHooks(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const id = evaluationOf(context.parentURL);
      if (id === null) return next(specifier, context);
      if (specifier === "pavlos") return { url: ownPackage, format: "module", shortCircuit: true };
      const resolved = next(specifier, context);
      if (!resolved.url.startsWith("file:") || resolved.url.includes("/node_modules/")) return resolved;
      files.get(id)?.add(fileURLToPath(resolved.url));
      return resolved.url.includes("?") ? resolved : { ...resolved, url: `${resolved.url}?${mark}=${id}` };
    },
    load(url, context, next) {
      if (url === ownPackage) return { format: "module", source: ownSource, shortCircuit: true };
      // Whatever the nearest package.json says: these files are modules.
      const isTyped = evaluationOf(url) !== null && /\.m?ts\?/.test(url);
      return next(url, isTyped ? { ...context, format: "module-typescript" } : context);
    },
  });
}

/** All that src/index.ts exports besides types. */
const ownSource = "export const defineConfig = (config) => config;";

function evaluationOf(url: string | undefined): string | null {
  if (!url?.startsWith("file:")) return null;
  return new URL(url).searchParams.get(mark);
}
