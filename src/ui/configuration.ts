import type { Environment } from "../model/environment.ts";
import type { Style } from "./terminal.ts";
import { formatValue } from "./values.ts";

export interface ConfigurationOptions {
  readonly style: Style;
  /** Where a value was written ("environments/api.yaml:7:11"); null: it is a default. */
  readonly source: (path: string) => string | null;
  /** What is worth knowing and no value. */
  readonly hints?: readonly string[];
  /** Defaults too. */
  readonly all: boolean;
}

/** An environment as it was understood: each value and where it comes from. */
export function renderEnvironment(
  environment: Environment,
  { style, source, hints = [], all }: ConfigurationOptions,
): string {
  const rows = leaves(environment)
    .map(({ path, value }) => ({ path, text: formatValue(path, value), source: source(path) }))
    .filter((row) => all || row.source !== null);
  const width = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));
  const paths = width(rows.map((row) => row.path)) + 2;
  const values = Math.min(90, width(rows.map((row) => row.text))) + 2;
  const lines = rows.map(
    (row) =>
      `    ${row.path.padEnd(paths)}${row.text.padEnd(values - 2)}  ${style("gray", row.source ?? "default")}`,
  );
  return [
    style("bold", environment.name),
    ...lines,
    ...hints.map((hint) => style("gray", `    # ${hint}`)),
  ].join("\n");
}

interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

/** Maps are taken apart, except where they are one thing to a person: a mount, the root, the network. */
function leaves(environment: Environment): readonly Leaf[] {
  const { name: _, ...rest } = environment;
  return Object.entries(rest).flatMap(([key, value]) => apart(key, value));
}

const whole = /^(rootfs|network|mounts\[\d+\]|secrets\.\w+|resources\.ulimits\.\w+)$/;

function apart(path: string, value: unknown): readonly Leaf[] {
  if (typeof value !== "object" || value === null || whole.test(path)) return [{ path, value }];
  if (Array.isArray(value)) {
    if (path !== "mounts" || value.length === 0) return [{ path, value }];
    return value.flatMap((item, index) => apart(`${path}[${index}]`, item));
  }
  const entries = Object.entries(value);
  return entries.length === 0 ? [] : entries.flatMap(([key, inner]) => apart(`${path}.${key}`, inner));
}
