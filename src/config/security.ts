import type { Security } from "../model/environment.ts";
import { capabilities } from "./names.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, report, type Scope } from "./scope.ts";
import { didYouMean } from "./suggest.ts";

/** The canonical privileges; ALL is written out. */
export function resolveSecurity(scope: Scope, input: EnvironmentInput["security"] = {}): Security {
  return {
    capabilities: {
      add: names(scope, "add", input.capabilities?.add ?? []),
      drop: names(scope, "drop", input.capabilities?.drop ?? []),
    },
    seccomp: seccomp(scope, input.seccomp ?? "default"),
    noNewPrivileges: input.noNewPrivileges ?? true,
    masks: input.masks ?? true,
    privileged: input.privileged ?? false,
  };
}

function names(scope: Scope, list: "add" | "drop", input: readonly string[]): readonly string[] {
  const known: readonly string[] = capabilities;
  const result = new Set<string>();
  for (const [index, written] of input.entries()) {
    const name = written.toUpperCase().replace(/^CAP_/, "");
    if (name === "ALL") for (const each of known) result.add(each);
    else if (known.includes(name)) result.add(name);
    else {
      report(scope, ["security", "capabilities", list, index], {
        code: "unknown-capability",
        message: `there is no capability ${written}`,
        expected: "a name of capabilities(7) such as NET_ADMIN, or ALL",
        hint: didYouMean(name, known),
      });
    }
  }
  return [...result].sort();
}

function seccomp(scope: Scope, input: string): string {
  if (input === "default" || input === "unconfined") return input;
  const path = ["security", "seccomp"];
  const file = hostPath(scope, path, input);
  scope.follow(file);
  if (scope.reader.stat(file) === "file") return file;
  report(scope, path, {
    code: "seccomp-missing",
    message: `there is no seccomp profile ${file}`,
    expected: "default, unconfined or the path of a profile in OCI's JSON",
    hint: didYouMean(input, ["default", "unconfined"]),
  });
  return file;
}
