import type { Mount } from "../model/environment.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, insidePath, report, type Scope } from "./scope.ts";
import { parseSize } from "./sizes.ts";
import { nodeAt, placeOfSpan } from "./tree.ts";

type MountInput = NonNullable<EnvironmentInput["mounts"]>[number];
type LongMount = Exclude<MountInput, string>;
type Path = readonly PropertyKey[];

const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const expectedShort = 'source:target or source:target:ro, such as "./data:/data:ro"';

/** The canonical mounts, in the order of the file. */
export function resolveMounts(scope: Scope, input: EnvironmentInput["mounts"]): readonly Mount[] {
  const mounts: Mount[] = [];
  const targets = new Map<string, number>();
  for (const [index, entry] of (input ?? []).entries()) {
    const long = typeof entry === "string" ? expand(scope, index, entry) : entry;
    const mount = long ? resolve(scope, index, long) : null;
    if (!mount) continue;
    mounts.push(mount);
    const earlier = targets.get(mount.target);
    if (earlier === undefined) targets.set(mount.target, index);
    else reportTwice(scope, { index, earlier, target: mount.target });
  }
  return mounts;
}

/** "source:target[:ro]" in its long form. */
function expand(scope: Scope, index: number, text: string): LongMount | null {
  const [source = "", target = "", mode, ...rest] = text.split(":");
  const wrong = (message: string, hint?: string): null => {
    report(scope, ["mounts", index], { code: "wrong-mount", message, expected: expectedShort, hint });
    return null;
  };
  if (rest.length > 0)
    return wrong(`"${text}" has too many parts`, "for a path with a colon write {source: ..., target: ...}");
  if (source === "" || target === "") {
    return wrong(
      `"${text}" has no ${source === "" ? "source" : "target"}`,
      /^[~./]/.test(text) ? `to show it at the same path, write "${text}:${text}"` : undefined,
    );
  }
  if (mode !== undefined && mode !== "ro" && mode !== "rw")
    return wrong(`"${mode}" is not a mode of a mount`, "ro is read-only, rw (the default) is not");
  return { source, target, readonly: mode === "ro" };
}

function resolve(scope: Scope, index: number, mount: LongMount): Mount | null {
  const target = resolveTarget(scope, at(scope, index, "target"), mount.target);
  const type = mount.type ?? (mount.source === undefined ? null : isPath(mount.source) ? "bind" : "volume");
  const readonly = mount.readonly ?? false;
  if (type === null) {
    report(scope, ["mounts", index], {
      code: "missing-key",
      message: "`source` is missing",
      expected: "a path or the name of a volume; or type: tmpfs",
    });
    return null;
  }
  refuseForeign(scope, index, { type, mount });
  if (target === null) return null;
  if (type === "tmpfs")
    return { type, target, readonly, size: mount.size === undefined ? null : bytes(mount.size) };
  if (mount.source === undefined) {
    report(scope, ["mounts", index], {
      code: "missing-key",
      message: `\`source\` is missing in a ${type} mount`,
      expected: type === "bind" ? "a path" : "the name of a volume",
    });
    return null;
  }
  if (type === "bind")
    return bind(scope, index, { source: mount.source, target, readonly, create: mount.create ?? false });
  return volume(scope, index, { source: mount.source, target, readonly });
}

function bind(
  scope: Scope,
  index: number,
  mount: { source: string; target: string; readonly: boolean; create: boolean },
): Mount {
  const path = at(scope, index, "source");
  const source = hostPath(scope, path, mount.source);
  if (!mount.create && scope.reader.stat(source) === null) {
    scope.follow(source);
    report(scope, path, {
      code: "mount-source-missing",
      message: `${source} does not exist`,
      hint: `make it, or let Pavlos make it: {source: ${mount.source}, target: ${mount.target}, create: true}`,
    });
  }
  return { type: "bind", ...mount, source };
}

function volume(
  scope: Scope,
  index: number,
  mount: { source: string; target: string; readonly: boolean },
): Mount {
  if (!volumeName.test(mount.source)) {
    const isDirectory = mount.source.includes("/");
    report(scope, at(scope, index, "source"), {
      code: "wrong-mount",
      message: `"${mount.source}" cannot be the name of a volume`,
      expected: "letters, digits, _ . and -",
      hint: isDirectory ? `for a directory write ./${mount.source}` : undefined,
    });
  }
  return { type: "volume", ...mount };
}

function resolveTarget(scope: Scope, path: Path, text: string): string | null {
  const target = insidePath(scope, text);
  if (target === null) {
    report(scope, path, {
      code: "wrong-mount",
      message: `the target "${text}" is not absolute`,
      expected: "an absolute path inside, or ~/...",
      hint: `did you mean \`/${text.replace(/^\.?\//, "")}\`?`,
    });
    return null;
  }
  if (target !== "/" && target !== "/dev" && !/^\/(proc|sys)(\/|$)/.test(target)) return target;
  report(scope, path, {
    code: "wrong-mount",
    message: `nothing can be mounted at ${target}: it belongs to the container itself`,
    hint: target === "/" ? "the root is chosen by rootfs" : "choose another target",
  });
  return null;
}

function refuseForeign(scope: Scope, index: number, given: { type: Mount["type"]; mount: LongMount }): void {
  const { type, mount } = given;
  const foreign = [
    ["source", mount.source !== undefined && type === "tmpfs"],
    ["size", mount.size !== undefined && type !== "tmpfs"],
    ["create", mount.create !== undefined && type !== "bind"],
  ] as const;
  for (const [key, present] of foreign) {
    if (present)
      report(scope, ["mounts", index, key], {
        code: "wrong-mount",
        message: `a ${type} mount has no \`${key}\``,
        hint: `remove \`${key}\`, or choose another type`,
      });
  }
}

function reportTwice(scope: Scope, twice: { index: number; earlier: number; target: string }): void {
  const path = at(scope, twice.earlier, "target");
  const node = nodeAt(scope.tree, path);
  const line = node ? `, first in line ${placeOfSpan(node.span).line}` : "";
  report(scope, at(scope, twice.index, "target"), {
    code: "mount-target-twice",
    message: `two mounts at ${twice.target}${line}`,
    hint: "give one of them another target",
  });
}

const bytes = (size: string | number): number | null => (typeof size === "number" ? size : parseSize(size));

const isPath = (source: string): boolean => /^[~./]/.test(source);

/** Place of a part: in the short form the whole text. */
function at(scope: Scope, index: number, key: string): Path {
  return nodeAt(scope.tree, ["mounts", index])?.kind === "map" ? ["mounts", index, key] : ["mounts", index];
}
