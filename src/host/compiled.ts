import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { constants, Script } from "node:vm";

/** A file of the program, evaluated. */
export interface Compiled {
  readonly exports: unknown;
  /** Keeps what has been compiled so far for the next start; called when the command has done its work. */
  keep(): void;
}

/**
 * Evaluates a CommonJS file in its frame, `(function(exports,require,module,__filename,__dirname){...})`,
 * whose name contains a hash of its content, with the code that V8 compiled
 * for the same `purpose` (a command's name) before. Node's own compile cache keeps no function that is
 * compiled at its first call, and checks the whole source at each start; this one does neither.
 */
export const loadCompiled = (file: string, purpose: string): Compiled =>
  evaluate(file, purpose, (plain, id) => (always.includes(id) ? plain(id) : whenUsed(plain, id)));

/** A library takes a module as it is: some are functions, or classes to extend. */
const loadLibrary = (file: string, purpose: string): Compiled =>
  evaluate(file, purpose, (plain, id) => plain(id));

/** How a module of Node's is loaded. */
type OfNode = (plain: NodeJS.Require, id: string) => unknown;

function evaluate(file: string, purpose: string, ofNode: OfNode): Compiled {
  const kept = readKept(join(cacheDirectory(), `v8-${process.versions.v8}-${basename(file)}`), purpose);
  const source = readFileSync(file, "latin1");
  const script = new Script(source, {
    filename: file,
    ...(kept.data === null ? {} : { cachedData: kept.data }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const generation = script.cachedDataRejected === true ? 0 : kept.generation;
  const module = { exports: {} as unknown };
  const libraries: Compiled[] = [];
  const require = requireFor({ file, purpose, ofNode }, libraries);
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
  return {
    exports: module.exports,
    keep() {
      for (const library of libraries) library.keep();
      if (generation < lastGeneration)
        write(script.createCachedData(), { ...kept, purpose, generation: generation + 1 });
    },
  };
}

/** A start compiles what it needs; three starts have usually been through all that a command does. */
const lastGeneration = 3;

const cacheDirectory = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pavlos", "compiled");

/** Libraries lie beside the program, each in a file of its own that is read when it is first used. */
function requireFor(
  { file, purpose, ofNode }: { readonly file: string; readonly purpose: string; readonly ofNode: OfNode },
  libraries: Compiled[],
): (id: string) => unknown {
  const plain = createRequire(file);
  return (id) => {
    if (id.startsWith("node:")) return ofNode(plain, id);
    if (!id.startsWith("./")) return plain(id);
    const library = loadLibrary(join(dirname(file), id), purpose);
    libraries.push(library);
    return library.exports;
  };
}

/** What Node has loaded before the program begins. */
const always: readonly string[] = ["node:fs", "node:path", "node:process"];

/** A module of Node's that is loaded when something of it is first used: most commands use few of them. */
function whenUsed(plain: NodeJS.Require, id: string): unknown {
  let loaded: Record<PropertyKey, unknown> | null = null;
  const load = () => {
    loaded ??= plain(id) as Record<PropertyKey, unknown>;
    return loaded;
  };
  return new Proxy({}, { get: (_, name) => load()[name], has: (_, name) => name in load() });
}

interface Kept {
  readonly directory: string;
  readonly data: Buffer | null;
  /** How often it was written; 0: never. */
  readonly generation: number;
}

function readKept(directory: string, purpose: string): Kept {
  for (let generation = lastGeneration; generation > 0; generation -= 1) {
    const data = readOwn(join(directory, `${purpose}.${generation}`));
    if (data !== null) return { directory, data, generation };
  }
  return { directory, data: null, generation: 0 };
}

/** Compiled code is run without a check of its content: only what nobody else could write is taken. */
function readOwn(path: string): Buffer | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    // Not there, or not for us: then it is compiled anew.
    return null;
  }
  try {
    const status = fstatSync(descriptor);
    const own = status.isFile() && status.uid === process.geteuid?.() && (status.mode & 0o022) === 0;
    return own ? readFileSync(descriptor) : null;
  } finally {
    closeSync(descriptor);
  }
}

function write(
  data: Buffer,
  { directory, purpose, generation }: Omit<Kept, "data"> & { readonly purpose: string },
): void {
  try {
    if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined) removeOld(dirname(directory));
    const { bavail, bsize } = statfsSync(directory);
    if (bavail * bsize < roomForOthers) return;
    replace(join(directory, `${purpose}.${generation}`), data);
    for (let other = 1; other <= lastGeneration; other += 1)
      if (other !== generation) rmSync(join(directory, `${purpose}.${other}`), { force: true });
  } catch {
    // A home that is full or read-only: the next start compiles again, nothing else is lost.
  }
}

function replace(path: string, data: Buffer): void {
  const temporary = `${path}-${process.pid}`;
  try {
    writeFileSync(temporary, data, { mode: 0o600, flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Bytes: the last room on a disk is not for a cache. */
const roomForOthers = 64 << 20;

/** What other versions of the program have left, when they have not been used for two weeks. */
function removeOld(directory: string): void {
  const before = Date.now() - 14 * 24 * 60 * 60 * 1000;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).mtimeMs < before) rmSync(path, { recursive: true, force: true });
  }
}
