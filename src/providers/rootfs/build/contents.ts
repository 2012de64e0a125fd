import { createHash } from "node:crypto";
import { join } from "node:path";
import { type CopiedEntry, copiedEntries, digestFile } from "../../../host/copied.ts";
import { trees } from "../../../host/trees.ts";
import type { CopyStep } from "../../../model/build.ts";
import { storePath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { ignoreOf } from "./ignore.ts";

/** What a copy step copies, as it is now. */
export interface Contents {
  /** Hex digest of names, kinds, modes, link targets and data; times don't count. */
  readonly digest: string;
  /** Paths below the source, parents first; "" is the source itself. */
  readonly paths: readonly string[];
}

/** Looks at all that the step copies; files that did not change since the last look are not read again. */
export function contentsOf(tools: Tools, step: CopyStep): Contents {
  const entries = entriesOf(step);
  const known = readKnown(tools, step.from);
  const seen: Record<string, Known> = {};
  const hash = createHash("sha256");
  for (const entry of entries) {
    const data = entry.kind === "file" ? digestOf(step, entry, { known, seen }) : entry.target;
    // A mode that the step sets does not count, nor do those of links and directories, which are not kept.
    const mode = entry.kind === "file" && step.mode === null ? entry.mode : null;
    hash.update(`${JSON.stringify([entry.path, entry.kind, mode, data])}\n`);
  }
  writeKnown(tools, step.from, seen);
  return { digest: hash.digest("hex"), paths: entries.map(({ path }) => path) };
}

function entriesOf({ from, ignore }: CopyStep): readonly CopiedEntry[] {
  const own = trees.readThrough(join(from, ".dockerignore"))?.split("\n") ?? [];
  const entries = [...copiedEntries(from, ignoreOf([...own, ...ignore]))];
  // Sockets and pipes are made by whoever uses them.
  return entries.filter(({ kind }) => kind !== "other");
}

interface Known {
  readonly identity: string;
  readonly sha256: string;
}

interface Cache {
  readonly known: Readonly<Record<string, Known>>;
  readonly seen: Record<string, Known>;
}

/** A file that changed just now may change once more within the same tick of the clock. */
const settled = 2000;

function digestOf({ from }: CopyStep, entry: CopiedEntry, { known, seen }: Cache): string {
  const before = known[entry.path];
  const sha256 = before?.identity === entry.identity ? before.sha256 : digestFile(join(from, entry.path));
  if (Date.now() - entry.changedAt > settled) seen[entry.path] = { identity: entry.identity, sha256 };
  return sha256;
}

const cachePath = (tools: Tools, from: string): string =>
  join(storePath(tools.paths), "copied", `${createHash("sha256").update(from).digest("hex")}.json`);

function readKnown(tools: Tools, from: string): Readonly<Record<string, Known>> {
  const text = tools.files.readText(cachePath(tools, from));
  if (text === null) return {};
  try {
    return JSON.parse(text) as Readonly<Record<string, Known>>;
  } catch {
    // Half-written: only a cache.
    return {};
  }
}

function writeKnown(tools: Tools, from: string, seen: Readonly<Record<string, Known>>): void {
  const text = JSON.stringify(seen);
  if (text === JSON.stringify(readKnown(tools, from))) return;
  tools.files.makeDirectory(join(storePath(tools.paths), "copied"), 0o700);
  tools.files.replace(cachePath(tools, from), text);
}
