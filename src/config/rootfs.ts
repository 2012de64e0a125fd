import type { Build, Rootfs } from "../model/environment.ts";
import { resolveBootstrap } from "./bootstrap.ts";
import { resolveBuild } from "./build.ts";
import { resolveImage } from "./image.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, report, type Scope } from "./scope.ts";

type Archive = Extract<Rootfs, { kind: "archive" }>;

/** The canonical root; a problem is reported for one that is missing or of the wrong kind. */
export function resolveRootfs(scope: Scope, input: EnvironmentInput["rootfs"]): Rootfs {
  if (input === undefined || input === "host") return { kind: "host" };
  if (typeof input === "string") return short(scope, input);
  if ("image" in input) return resolveImage(scope, ["rootfs", "image"], input);
  if ("path" in input) return directory(scope, input.path, input.mode ?? "overlay");
  if ("bootstrap" in input) return resolveBootstrap(scope, ["rootfs", "bootstrap"], input.bootstrap);
  if ("named" in input) return { kind: "named", named: input.named };
  if ("steps" in input) return resolveBuild(scope, baseOf(scope, input.from), input.steps);
  return archive(scope, placeOf(scope, "archive"), input);
}

type BaseInput = Extract<EnvironmentInput["rootfs"], { from: unknown }>["from"];

/** What steps begin with: a root whose content has a name of its own. */
function baseOf(scope: Scope, input: BaseInput): Build["from"] {
  const at = ["rootfs", "from"];
  if (typeof input === "string") {
    if (input === "host" || scope.reader.stat(hostPath(scope, at, input)) === "directory") {
      report(scope, at, {
        code: "rootfs-not-a-base",
        message: `${input === "host" ? "the host's root" : "a directory"} cannot be built upon: nothing names its content`,
        expected: "an archive, {image: ...}, {bootstrap: ...} or {named: ...}",
        hint: "pack it: tar -C DIRECTORY -cf root.tar . (or `pavlos rootfs create NAME DIRECTORY` and {named: NAME})",
      });
      return { kind: "archive", archive: input, sha256: null };
    }
    if (input.startsWith("image://"))
      return resolveImage(scope, at, { image: input.slice("image://".length) });
    return archive(scope, at, { archive: input });
  }
  if ("image" in input) return resolveImage(scope, [...at, "image"], input);
  if ("bootstrap" in input) return resolveBootstrap(scope, [...at, "bootstrap"], input.bootstrap);
  if ("named" in input) return { kind: "named", named: input.named };
  return archive(scope, [...at, "archive"], input);
}

function short(scope: Scope, text: string): Rootfs {
  if (text.startsWith("image://"))
    return resolveImage(scope, ["rootfs"], { image: text.slice("image://".length) });
  if (/^https:\/\//.test(text)) return { kind: "archive", archive: text, sha256: null };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    foreign(scope, ["rootfs"], text);
    return { kind: "host" };
  }
  const path = hostPath(scope, ["rootfs"], text);
  const found = scope.reader.stat(path);
  if (found === "file") return { kind: "archive", archive: path, sha256: null };
  if (found === null && !/^(\/|\.|~)/.test(text)) {
    scope.follow(path);
    report(scope, ["rootfs"], {
      code: "rootfs-missing",
      message: `there is no directory or archive ${path}`,
      expected: "host, a path such as ./root or ./root.tar.zst, or an https address",
      hint: "rootfs: host uses this machine's own files",
    });
    return { kind: "host" };
  }
  return directory(scope, text, "overlay");
}

function directory(scope: Scope, text: string, mode: "overlay" | "direct"): Rootfs {
  const at = placeOf(scope, "path");
  const path = hostPath(scope, at, text);
  const found = scope.reader.stat(path);
  if (path === "/" && mode !== "direct") {
    report(scope, at, {
      code: "rootfs-is-host",
      message: "/ is the machine's own root",
      hint: "write rootfs: host, which protects it",
    });
  } else if (found === null) {
    scope.follow(path);
    report(scope, at, {
      code: "rootfs-missing",
      message: `the root filesystem ${path} does not exist`,
      expected: "a directory, or a tar archive (plain, gzip, zstd or xz)",
      hint: "make it, or correct the path: it is relative to this file",
    });
  } else if (found !== "directory") {
    report(scope, at, {
      code: "rootfs-wrong-kind",
      message: `${path} is not a directory`,
      expected: "a directory",
      hint: found === "file" ? `for an archive write rootfs: {archive: ${text}}` : undefined,
    });
  }
  return { kind: "path", path, mode };
}

function archive(
  scope: Scope,
  at: readonly PropertyKey[],
  { archive: text, sha256: pinned }: { readonly archive: string; readonly sha256?: string | undefined },
): Archive {
  const sha256 = pinned?.toLowerCase() ?? null;
  if (/^https:\/\//.test(text)) return { kind: "archive", archive: text, sha256 };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    foreign(scope, at, text);
    return { kind: "archive", archive: text, sha256 };
  }
  const path = hostPath(scope, at, text);
  const found = scope.reader.stat(path);
  if (found === null) {
    scope.follow(path);
    report(scope, at, {
      code: "rootfs-missing",
      message: `the archive ${path} does not exist`,
      expected: "a tar archive (plain, gzip, zstd or xz)",
      hint: "make it, or correct the path: it is relative to this file",
    });
  } else if (found !== "file") {
    report(scope, at, {
      code: "rootfs-wrong-kind",
      message: `${path} is not a file`,
      expected: "a tar archive (plain, gzip, zstd or xz)",
      hint: found === "directory" ? `for a directory write rootfs: {path: ${text}}` : undefined,
    });
  }
  return { kind: "archive", archive: path, sha256 };
}

function foreign(scope: Scope, at: readonly PropertyKey[], text: string): void {
  const scheme = text.slice(0, text.indexOf(":"));
  report(scope, at, {
    code: "unsupported-rootfs",
    message: `${scheme}:// cannot be a root filesystem`,
    expected: "host, a path such as ./root or ./root.tar.zst, an https address, or image:// and a name",
    hint: scheme === "http" ? "use https, so that the archive arrives as it was sent" : undefined,
  });
}

/** The value itself, in the short and in the long form. */
function placeOf(scope: Scope, key: string): readonly PropertyKey[] {
  return scope.tree.entries.get("rootfs")?.value.kind === "map" ? ["rootfs", key] : ["rootfs"];
}
