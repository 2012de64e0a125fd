import type { Document, LineCounter } from "yaml";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Problem } from "../../../model/source.ts";
import type { Cdi } from "../../../oci/cdi.gen.ts";
import { newerThanSaid } from "./minimum.ts";

/** A CDI file that is in order. */
export interface Spec {
  readonly file: string;
  readonly cdi: Cdi;
  /** Its place in the order of directories: a later one wins. */
  readonly priority: number;
}

export interface Specs {
  readonly specs: readonly Spec[];
  /** What is wrong with the others, by file. */
  readonly problems: readonly Problem[];
}

export const directories = ["/etc/cdi", "/var/run/cdi"];

/** All CDI files of the machine. A broken one spoils only itself. */
export async function readSpecs(tree: DriverTree): Promise<Specs> {
  const specs: Spec[] = [];
  const problems: Problem[] = [];
  for (const [priority, directory] of directories.entries()) {
    for (const name of tree.list(directory)) {
      if (!/\.(json|ya?ml)$/.test(name)) continue;
      const file = `${directory}/${name}`;
      const read = await readSpec(tree, file);
      if ("problem" in read) problems.push(read.problem);
      else specs.push({ file, cdi: read.cdi, priority });
    }
  }
  return { specs, problems };
}

type Read = { readonly cdi: Cdi } | { readonly problem: Problem };

async function readSpec(tree: DriverTree, file: string): Promise<Read> {
  const status = tree.status(file);
  const text = tree.text(file);
  const shown = `${tree.root}${file}`;
  const wrong = (message: string, more: Partial<Problem> = {}): Read => ({
    problem: { code: "cdi-file-wrong", message, place: { file: shown, line: 1, column: 1 }, ...more },
  });
  if (status === null || text === null)
    return wrong("the CDI file cannot be read", { hint: `ls -l ${shown}` });
  // Who writes it decides what of the host is shown and what is run.
  if (status.uid !== 0 || (status.mode & 0o022) !== 0)
    return wrong("the CDI file can be changed by others than root, so it is not trusted", {
      hint: `sudo chown root:root ${shown} && sudo chmod go-w ${shown}, if you know where it comes from`,
    });
  const { LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = parsed.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    return wrong(
      `the CDI file is not YAML or JSON: ${broken.message.split("\n")[0]?.replace(/ at line.*/, "")}`,
      {
        place: { file: shown, line, column: col },
      },
    );
  }
  const { cdiDocument } = await import("./schema.ts");
  const checked = cdiDocument.safeParse(withoutNull(parsed.toJS()));
  if (checked.success) {
    const cdi = checked.data as Cdi;
    const newer = newerThanSaid(cdi);
    if (newer === null) return { cdi };
    return wrong(`the CDI file says version ${cdi.cdiVersion}, but ${newer.part} needs ${newer.version}`, {
      place: { file: shown, ...placeIn(parsed, lines, ["cdiVersion"]) },
      hint: `write cdiVersion: "${newer.version}"`,
    });
  }
  const [issue] = checked.error.issues;
  const path = (issue?.path ?? []).filter((part) => typeof part !== "symbol");
  const extra = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const where = [...path, ...(extra === undefined ? [] : [extra])].join(".") || "the file";
  return wrong(`${where} of the CDI file is wrong: ${issue?.message ?? "unknown"}`, {
    place: { file: shown, ...placeIn(parsed, lines, extra === undefined ? path : [...path, extra]) },
    hint: "docs: https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md",
  });
}

/** Nothing after a key is the same as no such key. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNull(one)]));
}

/** Where a value is, or the nearest above it that exists. */
function placeIn(
  parsed: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
): { readonly line: number; readonly column: number } {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = parsed.getIn(path.slice(0, length), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) {
      const { line, col } = lines.linePos(Number(node.range[0]));
      return { line, column: col };
    }
  }
  return { line: 1, column: 1 };
}
