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
  /**
   * Keeps what has been compiled so far for the next start; called when the command has done its work.
   * `parts` of the program that not every start goes through, and this one did.
   */
  keep(parts: readonly string[]): void;
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
  const starts = script.cachedDataRejected === true ? new Map<string, number>() : kept.starts;
  const module = { exports: {} as unknown };
  const libraries: Compiled[] = [];
  const require = requireFor({ file, purpose, ofNode }, libraries);
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
  return {
    exports: module.exports,
    keep(parts) {
      for (const library of libraries) library.keep([]);
      const more = new Map(starts);
      for (const part of [whole, ...parts]) more.set(part, Math.min(enough, (starts.get(part) ?? 0) + 1));
      if (nameOf(purpose, more) === nameOf(purpose, starts)) return;
      write(script.createCachedData(), { directory: kept.directory, purpose, name: nameOf(purpose, more) });
    },
  };
}

/** A start compiles what it needs; three starts have usually been through all that a command, or a part, does. */
const enough = 3;

/** What every start goes through. */
const whole = "";

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
  readonly starts: Starts;
}

/** How many starts are in it, and of these how many went through a part. */
type Starts = ReadonlyMap<string, number>;

function readKept(directory: string, purpose: string): Kept {
  for (const { name, starts } of keptOf(directory, purpose)) {
    const data = readOwn(join(directory, name));
    if (data !== null) return { directory, data, starts };
  }
  return { directory, data: null, starts: new Map() };
}

/** The fullest first. */
function keptOf(
  directory: string,
  purpose: string,
): readonly { readonly name: string; readonly starts: Starts }[] {
  const kept = namesIn(directory).flatMap((name) => {
    const starts = startsOf(name, purpose);
    return starts === null ? [] : [{ name, starts }];
  });
  const sum = (starts: Starts) => [...starts.values()].reduce((total, count) => total + count, 0);
  return kept.length < 2 ? kept : kept.sort((left, right) => sum(right.starts) - sum(left.starts));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Nothing was kept yet, or nothing can be.
    return [];
  }
}

/** apply.3.gpus-1 */
const nameOf = (purpose: string, starts: Starts): string =>
  [
    `${purpose}.${starts.get(whole)}`,
    ...[...starts].flatMap(([part, count]) => (part === whole ? [] : [`${part}-${count}`])).sort(),
  ].join(".");

function startsOf(name: string, purpose: string): Starts | null {
  const [own, count = "", ...parts] = name.split(".");
  if (own !== purpose || !/^\d$/.test(count)) return null;
  const starts = new Map([[whole, Number(count)]]);
  for (const written of parts) {
    const [, part, times] = /^([a-z]+)-(\d)$/.exec(written) ?? [];
    if (part === undefined) return null;
    starts.set(part, Number(times));
  }
  return starts;
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
  {
    directory,
    purpose,
    name,
  }: { readonly directory: string; readonly purpose: string; readonly name: string },
): void {
  try {
    if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined) removeOld(dirname(directory));
    const { bavail, bsize } = statfsSync(directory);
    if (bavail * bsize < roomForOthers) return;
    replace(join(directory, name), data);
    for (const other of keptOf(directory, purpose))
      if (other.name !== name) rmSync(join(directory, other.name), { force: true });
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
