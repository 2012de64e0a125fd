import type { Bootstrap } from "../model/build.ts";
import type { EnvironmentInput } from "./schema.ts";
import { report, type Scope } from "./scope.ts";

type Input = Extract<EnvironmentInput["rootfs"], { bootstrap: unknown }>["bootstrap"];

/** The canonical bootstrap; what cannot go together is reported at its place. */
export function resolveBootstrap(scope: Scope, at: readonly PropertyKey[], input: Input): Bootstrap {
  const given = typeof input === "string" ? { suite: input } : input;
  const packages = [...new Set(given.packages ?? [])].sort();
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(given.suite))
    report(scope, typeof input === "string" ? at : [...at, "suite"], {
      code: "wrong-suite",
      message: `\`${given.suite}\` is no name of a release`,
      expected: "a release such as bookworm or noble, or busybox",
    });
  for (const key of ["packages", "mirror", "variant"] as const) {
    if (given.suite === "busybox" && given[key] !== undefined)
      report(scope, [...at, key], {
        code: "busybox-alone",
        message: `\`${key}\` has no meaning for busybox: it is one program`,
        hint: "name a release of Debian or Ubuntu, such as bookworm",
      });
  }
  for (const [index, name] of (given.packages ?? []).entries()) {
    if (!/^[a-z0-9][a-z0-9+.:=~-]*$/i.test(name))
      report(scope, [...at, "packages", index], {
        code: "wrong-package",
        message: `\`${name}\` is no name of a package`,
        expected: "letters, digits, +, -, . and =",
      });
  }
  return {
    kind: "bootstrap",
    suite: given.suite,
    variant: given.variant ?? "minbase",
    packages,
    mirror: given.mirror?.replace(/\/+$/, "") ?? null,
  };
}
