import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { realFiles } from "../../../../src/host/real-files.ts";
import type { Native, NativeOptions, NativeOutcome } from "../../../../src/native/native.ts";
import type { Tools } from "../../../../src/providers/tools.ts";
import { openLockFile } from "../../../../src/state/lock-file/lock-file.ts";
import { freeFlock, host } from "../../support.ts";

/** Tools with a store of their own, and a pavlosc that reads and checks layers but unpacks nothing. */
export interface StoreWorld {
  readonly tools: Tools;
  /** Calls of pavlosc: "unpack", "publish", "remove". */
  readonly calls: string[];
  readonly directory: string;
  readonly remove: () => void;
}

export function storeWorld(): StoreWorld {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-test-"));
  const calls: string[] = [];
  const paths = { data: join(directory, "data"), run: join(directory, "run") };
  const tools: Tools = {
    host: host({ home: directory }),
    paths,
    files: realFiles,
    native: reader(calls),
    flock: freeFlock,
    lockFile: (root) => openLockFile(realFiles, root),
    env: {},
  };
  return { tools, calls, directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** What pavlosc answers, as docs/pavlosc.md has it. */
const reader = (calls: string[]): Native => ({
  async run(args, options = {}) {
    const [verb = ""] = args;
    calls.push(verb);
    if (verb === "unpack") return await unpack(args, options.stream, options.signal);
    if (verb === "publish") publish(args);
    if (verb === "remove") for (const path of args.slice(1)) rmSync(path, { recursive: true, force: true });
    return outcome(0);
  },
});

const outcome = (code: number, stdout = "", stderr = ""): NativeOutcome => ({ code, stdout, stderr });

async function unpack(
  args: readonly string[],
  input: NativeOptions["stream"],
  signal?: AbortSignal,
): Promise<NativeOutcome> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of Readable.from(input ?? [])) {
      signal?.throwIfAborted();
      chunks.push(chunk);
    }
  } catch {
    // As a process that is killed.
    return outcome(143);
  }
  const bytes = Buffer.concat(chunks);
  const option = (name: string): string | undefined => args[args.indexOf(name) + 1];
  const hex = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
  const content = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  const wanted = [
    args.includes("--sha256") ? option("--sha256") : undefined,
    args.includes("--diff-id") ? option("--diff-id") : undefined,
  ];
  const found = [hex(bytes), hex(content)];
  const wrong = wanted.findIndex((one, index) => one !== undefined && one !== found[index]);
  if (wrong >= 0)
    return outcome(
      1,
      "",
      JSON.stringify({ step: "verify", subject: "", reason: `its digest is ${found[wrong]}` }),
    );
  const tree = args.at(-1) ?? "";
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, "content"), content);
  return outcome(
    0,
    JSON.stringify({ sha256: found[0], diffId: found[1], bytes: bytes.length, entries: 1, skipped: [] }),
  );
}

function publish([, directory = "", ...names]: readonly string[]): void {
  for (let at = 0; at < names.length; at += 2) {
    const [from, to] = [join(directory, names[at] ?? ""), join(directory, names[at + 1] ?? "")];
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
}
