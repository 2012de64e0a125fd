import { isAbsolute, normalize } from "node:path";
import type { CopyStep, RunStep, Step, StepSecret } from "../model/build.ts";
import type { Build } from "../model/environment.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, report, type Scope, textsAt } from "./scope.ts";
import { nodeAt } from "./tree.ts";

type StepInput = Extract<EnvironmentInput["rootfs"], { steps: unknown }>["steps"][number];
type Input<Key extends string> = Extract<StepInput, Readonly<Record<Key, unknown>>>;
type Path = readonly PropertyKey[];

/** The canonical steps: paths absolute, lists that mean sets sorted, texts as they were written. */
export function resolveBuild(scope: Scope, from: Build["from"], steps: readonly StepInput[]): Build {
  return {
    kind: "build",
    from,
    steps: steps.map((step, index) => resolveStep(scope, ["rootfs", "steps", index], step)),
  };
}

function resolveStep(scope: Scope, at: Path, step: StepInput): Step {
  if ("run" in step) return runStep(scope, at, step);
  if ("copy" in step) return copyStep(scope, [...at, "copy"], step.copy);
  if ("packages" in step) return packagesStep(scope, at, step.packages);
  if ("env" in step) return { kind: "env", env: textsBelow(scope, [...at, "env"]) };
  if ("workdir" in step) return { kind: "workdir", path: absolute(scope, [...at, "workdir"], step.workdir) };
  return { kind: "user", user: userOf(scope, [...at, "user"]) };
}

function userOf(scope: Scope, at: Path): string {
  const user = textsAt(scope, at)[0] ?? "";
  if (user === "me" || user === "")
    report(scope, at, {
      code: "wrong-user",
      message: `a step cannot run as \`${user}\`: the result is the same for everybody`,
      expected: "root, uid[:gid] or name[:group]",
    });
  return user;
}

function runStep(scope: Scope, at: Path, { caches, secrets }: Input<"run">): RunStep {
  const path = [...at, "run"];
  const written = textsAt(scope, path);
  const isText = nodeAt(scope.tree, path)?.kind === "scalar";
  if (written.length === 0)
    report(scope, path, { code: "wrong-value", message: "the command is empty", expected: "a command" });
  return {
    kind: "run",
    command: isText ? ["/bin/sh", "-c", ...written] : written,
    caches: [
      ...new Set((caches ?? []).flatMap((cache, index) => cacheOf(scope, [...at, "caches", index], cache))),
    ].sort(),
    secrets: Object.fromEntries(
      Object.entries(secrets ?? {}).map(([name, secret]) => [
        name,
        secretOf(scope, [...at, "secrets", name], secret),
      ]),
    ),
  };
}

const knownCaches: Readonly<Record<string, readonly string[]>> = {
  apt: ["/var/cache/apt/archives", "/var/lib/apt/lists"],
  pip: ["/root/.cache/pip"],
  npm: ["/root/.npm"],
  cargo: ["/root/.cargo/registry", "/root/.cargo/git"],
};

function cacheOf(scope: Scope, at: Path, cache: string): readonly string[] {
  const known = knownCaches[cache];
  if (known !== undefined) return known;
  if (isAbsolute(cache) && normalize(cache) !== "/") return [normalize(cache).replace(/\/$/, "")];
  report(scope, at, {
    code: "wrong-cache",
    message: `\`${cache}\` is no cache`,
    expected: `${Object.keys(knownCaches).join(", ")} or an absolute path`,
  });
  return [];
}

type SecretInput = NonNullable<Input<"run">["secrets"]>[string];

/** It has to be there when the step runs; a step that is in the store needs none. */
function secretOf(scope: Scope, at: Path, secret: SecretInput): StepSecret {
  const version = secret.version === undefined ? null : (textsAt(scope, [...at, "version"])[0] ?? null);
  if ("env" in secret) return { source: { kind: "env", variable: secret.env }, version };
  return { source: { kind: "file", path: hostPath(scope, [...at, "file"], secret.file) }, version };
}

function copyStep(scope: Scope, at: Path, input: Input<"copy">["copy"]): CopyStep {
  const from = hostPath(scope, [...at, "from"], input.from);
  const found = scope.reader.stat(from);
  if (found === null) {
    scope.follow(from);
    report(scope, [...at, "from"], {
      code: "copy-missing",
      message: `there is nothing to copy at ${from}`,
      hint: "make it, or correct the path: it is relative to this file",
    });
  }
  return {
    kind: "copy",
    from,
    to: input.to,
    mode: input.mode === undefined ? null : Number.parseInt(textsAt(scope, [...at, "mode"])[0] ?? "644", 8),
    owner: input.owner === undefined ? null : (textsAt(scope, [...at, "owner"])[0] ?? null),
    ignore: input.ignore ?? [],
  };
}

function packagesStep(scope: Scope, at: Path, packages: readonly string[]): Step {
  for (const [index, name] of packages.entries()) {
    if (/^[A-Za-z0-9][A-Za-z0-9+.:=~@_-]*$/.test(name)) continue;
    report(scope, [...at, "packages", index], {
      code: "wrong-package",
      message: `\`${name}\` is no name of a package`,
      expected: "letters, digits, +, -, . and =",
    });
  }
  return { kind: "packages", packages: [...new Set(packages)].sort() };
}

function absolute(scope: Scope, at: Path, text: string): string {
  if (!isAbsolute(text))
    report(scope, at, {
      code: "wrong-value",
      message: `\`${text}\` is not an absolute path`,
      expected: "an absolute path inside",
    });
  return normalize(text).replace(/(?<=.)\/$/, "");
}

function textsBelow(scope: Scope, at: Path): Readonly<Record<string, string>> {
  const node = nodeAt(scope.tree, at);
  if (node?.kind !== "map") return {};
  const texts: Record<string, string> = {};
  for (const [name, { value }] of node.entries) if (value.kind === "scalar") texts[name] = value.text;
  return texts;
}
