import { execFileSync } from "node:child_process";

/** What a tree holds: by path below its root, all that tells entries apart, as text. */
export type Listing = ReadonlyMap<string, Entry>;

export interface Entry {
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  /** Bytes; of directories none. */
  readonly size: string;
  readonly time: string;
  readonly target: string;
  /** The first name of the same file; "": it has only one. */
  readonly linked: string;
  /** Digest of the content. */
  readonly content: string;
  readonly attributes: string;
}

/**
 * Lists a tree as root. `prefix` runs each command somewhere: ["unshare", "-m", "sh", "-c", "mount ... && exec \"$@\"", "sh"].
 * overlayfs's own attributes and those of rootless tools do not count.
 */
export function listTree(root: string, prefix: readonly string[] = []): Listing {
  const run = (...argv: string[]) => {
    const [program = "", ...args] = [...prefix, "sh", "-c", `cd "$0" && ${argv.join(" ")}`, root];
    return execFileSync(program, args, { encoding: "latin1", maxBuffer: 1 << 30 });
  };
  const found = run(`find . -mindepth 1 -printf '%P\\0%y\\0%m\\0%U:%G\\0%s\\0%T@\\0%l\\0%i\\0%n\\0'`).split(
    "\0",
  );
  const contents = new Map(
    run("find . -type f -print0 | xargs -0 -r sha256sum -z")
      .split("\0")
      .map((line) => [line.slice(66 + 2), line.slice(0, 64)]),
  );
  const attributes = readAttributes(run("getfattr -R -P -h -d -m - -e hex . 2>/dev/null || true"));
  const names = new Map<string, string[]>();
  const entries = new Map<string, Entry>();
  const rows = Array.from({ length: Math.floor(found.length / 9) }, (_, row) =>
    found.slice(row * 9, row * 9 + 9),
  );
  for (const [
    path = "",
    kind = "",
    mode = "",
    owner = "",
    size = "",
    time = "",
    target = "",
    inode = "",
    links,
  ] of rows.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))) {
    const others = names.get(inode) ?? [];
    if (kind !== "d" && Number(links) > 1) names.set(inode, [...others, path]);
    entries.set(path, {
      kind,
      mode: kind === "l" ? "" : mode,
      owner,
      size: kind === "d" ? "" : size,
      time,
      target,
      linked: inode,
      content: contents.get(path) ?? "",
      attributes: attributes.get(path) ?? "",
    });
  }
  // A removed name of a file still counts as a link of it below an overlay: what is seen counts.
  for (const [path, entry] of entries) {
    const same = names.get(entry.linked) ?? [];
    entries.set(path, { ...entry, linked: same.length > 1 ? (same[0] ?? "") : "" });
  }
  return entries;
}

function readAttributes(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const block of text.split("\n\n")) {
    const [name = "", ...lines] = block.split("\n");
    const kept = lines.filter(
      (line) => line !== "" && !/^(user|trusted)\.overlay\.|^user\.rootless/.test(line),
    );
    // getfattr writes odd bytes in octal.
    const path = name
      .replace("# file: ", "")
      .replaceAll(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
    if (kept.length > 0) found.set(path, kept.sort().join(" "));
  }
  return found;
}

/** What differs between two listings, a line for each; `fields`: those that count. */
export function differences(
  left: Listing,
  right: Listing,
  fields: readonly (keyof Entry)[],
): readonly string[] {
  const paths = [...new Set([...left.keys(), ...right.keys()])].sort();
  return paths.flatMap((path) => {
    const [a, b] = [left.get(path), right.get(path)];
    if (a === undefined || b === undefined) return [`${path}: only ${a === undefined ? "right" : "left"}`];
    return fields.flatMap((field) =>
      a[field] === b[field] ? [] : [`${path}: ${field} ${a[field]} != ${b[field]}`],
    );
  });
}
