import type { WatchRule } from "../model/environment.ts";
import { commandAt } from "./command.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, insidePath, report, type Scope } from "./scope.ts";

type Rules = NonNullable<EnvironmentInput["watch"]>;
type Written = Rules[number];

/** The canonical rules, in the order of the file; what contradicts itself is reported. */
export function resolveWatch(scope: Scope, input: Rules = []): readonly WatchRule[] {
  const rules = input.map((rule, index) => resolve(scope, index, rule));
  contradictions(scope, rules);
  return rules.filter((rule) => rule !== null);
}

function resolve(scope: Scope, index: number, written: Written): WatchRule | null {
  const path = hostPath(scope, ["watch", index, "path"], written.path);
  const common = { path, ignore: written.ignore ?? [] };
  refuseForeign(scope, index, written);
  switch (written.action) {
    case "restart":
    case "rebuild":
      return { ...common, action: written.action };
    case "exec": {
      if (written.command === undefined) return missing(scope, index, { key: "command", action: "exec" });
      return { ...common, action: "exec", command: commandAt(scope, ["watch", index, "command"]) };
    }
    case "sync": {
      if (written.target === undefined) return missing(scope, index, { key: "target", action: "sync" });
      const target = insidePath(scope, written.target);
      if (target !== null) return { ...common, action: "sync", target };
      report(scope, ["watch", index, "target"], {
        code: "wrong-value",
        message: `the target of a sync cannot be "${written.target}": it is not absolute`,
        expected: "an absolute path inside, or ~/...",
      });
      return null;
    }
  }
}

function missing(
  scope: Scope,
  index: number,
  { key, action }: { readonly key: string; readonly action: string },
): null {
  report(scope, ["watch", index], {
    code: "missing-key",
    message: `\`${key}\` is missing in a rule that is to ${action}`,
    expected: key === "target" ? "an absolute path inside, such as /srv/app" : "the command to run inside",
  });
  return null;
}

/** A field that another action would need: the rule would not do what its writer thinks. */
function refuseForeign(scope: Scope, index: number, { action, target, command }: Written): void {
  const foreign =
    target !== undefined && action !== "sync"
      ? "target"
      : command !== undefined && action !== "exec"
        ? "command"
        : null;
  if (foreign === null) return;
  report(scope, ["watch", index, foreign], {
    code: "watch-contradiction",
    message: `\`${foreign}\` has no meaning in a rule that is to ${action}`,
    hint: `remove it, or make the action ${foreign === "target" ? "sync" : "exec"}; several rules may have the same path`,
  });
}

/** Two rules of one path of which the one makes the other pointless, or of which nobody can tell the order. */
function contradictions(scope: Scope, rules: readonly (WatchRule | null)[]): void {
  for (const [index, rule] of rules.entries()) {
    if (rule === null) continue;
    const earlier = rules
      .slice(0, index)
      .find((other) => other?.path === rule.path && why(other, rule) !== null);
    if (!earlier) continue;
    report(scope, ["watch", index, "action"], {
      code: "watch-contradiction",
      message: `two rules for ${rule.path} contradict each other: ${why(earlier, rule)}`,
      hint: "keep one of them; `sync` may stand beside one `restart` or `exec`",
    });
  }
}

function why(one: WatchRule, other: WatchRule): string | null {
  const actions = [one.action, other.action].sort();
  if (one.action === "sync" && other.action === "sync")
    return one.target === other.target ? "both copy to the same place" : null;
  if (one.action === other.action && one.action !== "exec") return `both ${one.action}`;
  if (actions.includes("rebuild")) return "after a rebuild nothing else is left to do";
  return actions.join() === "exec,restart" ? "exec and restart have no order" : null;
}
