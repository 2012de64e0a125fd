import type { Problem } from "../model/source.ts";
import { problemAt, shown } from "./problem.ts";
import type { Entry, MapNode, ScalarNode, Span, Tree } from "./tree.ts";

/** The JSON object that is translated, and what was found on the way. */
export interface LegacyMap {
  readonly tree: MapNode;
  readonly problems: Problem[];
  readonly notices: { readonly message: string; readonly hint?: string }[];
  /** There is a stored root called default. */
  readonly hasDefaultRoot: boolean;
}

/** `rootFs`, unless `enableRoot` is false: then the machine's own root as it is. */
export function rootOf(legacy: LegacyMap): Tree | null {
  const node = legacy.tree.entries.get("rootFs")?.value;
  const span = node?.span ?? legacy.tree.span;
  if (!isOn(legacy, "enableRoot")) {
    const path = node?.kind === "scalar" ? node.text : "";
    if (path !== "" && path !== "/" && path !== "default") {
      legacy.notices.push({
        message: "`rootFs` has no effect: enableRoot is off, the machine's own root is used",
      });
    }
    return mapNode({ path: text("/", span), mode: text("direct", span) }, span);
  }
  if (!node) return null;
  if (node.kind !== "scalar" || typeof node.value !== "string") {
    legacy.problems.push(
      problemAt(span, {
        code: "wrong-type",
        message: "`rootFs` has to be a path",
        expected: "a directory, or default",
      }),
    );
    return null;
  }
  if (node.value !== "default") return mapNode({ path: node }, span);
  if (legacy.hasDefaultRoot) return mapNode({ named: node }, span);
  legacy.notices.push({
    message: "there is no stored root called default: the machine's own files are used, protected by a layer",
    hint: "make one: pavlos rootfs create default --bootstrap bookworm; or name a directory in rootFs",
  });
  return text("host", span);
}

/** Exactly what was asked for: what the file does not turn on is shared with the machine. */
export function isolationOf(legacy: LegacyMap): readonly (readonly [string, Tree])[] {
  const span =
    legacy.tree.entries.get("isolationOptions")?.key ??
    legacy.tree.entries.get("enableIsolation")?.key ??
    legacy.tree.span;
  const isolation = mapNode(
    {
      pid: flag(isOn(legacy, "enablePID"), span),
      uts: flag(isOn(legacy, "enableUTS"), span),
      ipc: flag(false, span),
      cgroup: flag(topFlag(legacy, "enableResourceIsolation") ?? false, span),
    },
    span,
  );
  return [
    ["isolation", isolation],
    ["network", networkOf(legacy, span)],
  ];
}

/** Its own network is the default bridge, with the address that the file names. */
function networkOf(legacy: LegacyMap, span: Span): Tree {
  const ip = legacy.tree.entries.get("ip")?.value;
  const given = ip?.kind === "scalar" && ip.value !== null && ip.value !== "" ? ip : null;
  if (isOn(legacy, "enableNetNs", false))
    return mapNode({ networks: listOf(text("default", span)), ...(given ? { ip: given } : {}) }, span);
  if (given) legacy.notices.push({ message: "`ip` has no effect: enableNetNs is off" });
  return text("host", span);
}

/** An option of isolationOptions; `enableIsolation: false` turns all of them off. */
function isOn(legacy: LegacyMap, option: string, missing = true): boolean {
  if (topFlag(legacy, "enableIsolation") === false) return false;
  const options = legacy.tree.entries.get("isolationOptions")?.value;
  if (!options) return missing;
  if (options.kind !== "map") {
    once(
      legacy,
      problemAt(options.span, {
        code: "wrong-type",
        message: "`isolationOptions` has to be an object",
        expected: '{"enablePID": true}',
      }),
    );
    return missing;
  }
  return booleanOf(legacy, option, options.entries.get(option)?.value) ?? false;
}

const topFlag = (legacy: LegacyMap, key: string): boolean | null =>
  booleanOf(legacy, key, legacy.tree.entries.get(key)?.value);

function booleanOf(legacy: LegacyMap, key: string, node: Tree | undefined): boolean | null {
  if (!node || (node.kind === "scalar" && node.value === null)) return null;
  if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
  const value = node.kind === "scalar" ? shown(node.value) : `a ${node.kind}`;
  once(
    legacy,
    problemAt(node.span, {
      code: "wrong-type",
      message: `\`${key}\` cannot be ${value}`,
      expected: "true or false",
    }),
  );
  return null;
}

/** A key is looked at more than once. */
function once(legacy: LegacyMap, problem: Problem): void {
  if (!legacy.problems.some((other) => other.message === problem.message)) legacy.problems.push(problem);
}

const text = (value: string, span: Span): ScalarNode => ({
  kind: "scalar",
  value,
  text: value,
  plain: false,
  span,
});
const listOf = (item: Tree): Tree => ({ kind: "list", items: [item], span: item.span });
const flag = (value: boolean, span: Span): ScalarNode => ({
  kind: "scalar",
  value,
  text: String(value),
  plain: false,
  span,
});

function mapNode(values: Readonly<Record<string, Tree>>, span: Span): MapNode {
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(values)) entries.set(key, { key: value.span, value });
  return { kind: "map", entries, span };
}
