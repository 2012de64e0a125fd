import { environmentSchema } from "../schema.ts";
import { type Draft, type Finding, stepsOf } from "./findings.ts";

/** An environment as it is to be written, and what became of each key. */
export interface Fitted {
  /** In the order of the format's fields. */
  readonly environment: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

/** How a draft becomes an environment. */
export type Fit = (draft: Draft) => Fitted;

/** Everything, whether this Pavlos knows it or not. */
export const wholly: Fit = (draft) => {
  const values = new Map(draft.values);
  const refused = contradictions(values);
  return { environment: nested(values), findings: judged(draft.findings, refused) };
};

/**
 * Takes out what the format of this Pavlos does not have (or not so), and says so in the findings. What is
 * supported is decided by the schema alone, so a field counts from the day it works.
 */
export function fitToFormat(draft: Draft): Fitted {
  const values = new Map(draft.values);
  const refused = contradictions(values);
  for (;;) {
    const environment = nested(values);
    const parsed = environmentSchema().safeParse(environment);
    if (parsed.success) return { environment, findings: judged(draft.findings, refused) };
    let removed = 0;
    for (const { path, reason } of parsed.error.issues.flatMap(pathsOf)) {
      for (const key of [...values.keys()]) {
        if (!isWithin(key, path, indexesOf(values))) continue;
        values.delete(key);
        refused.set(key, reason);
        removed += 1;
      }
    }
    if (removed === 0) throw new Error(`the schema refuses an import: ${parsed.error.message}`);
  }
}

/** Takes out parts of what is one value: ports, where `network: host` was asked for. */
function contradictions(values: Map<string, unknown>): Map<string, string> {
  const refused = new Map<string, string>();
  for (const key of [...values.keys()]) {
    const whole = [...values.keys()].find((other) => key.startsWith(`${other}.`));
    if (whole === undefined) continue;
    values.delete(key);
    refused.set(key, `it has no meaning with \`${whole}: ${values.get(whole)}\``);
  }
  return refused;
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string;
  readonly keys?: readonly string[];
}

function pathsOf(issue: Issue): readonly { readonly path: readonly string[]; readonly reason: string }[] {
  const path = issue.path.map(String);
  if (issue.code !== "unrecognized_keys")
    return [{ path, reason: `this Pavlos takes ${issue.message} for \`${path.join(".")}\`` }];
  return (issue.keys ?? []).map((key) => ({
    path: [...path, key],
    reason: `this Pavlos has no field \`${[...path, key].join(".")}\``,
  }));
}

/** Lists are written without gaps: which index of the draft became which. */
function indexesOf(values: ReadonlyMap<string, unknown>): (key: string) => readonly string[] {
  const orders = new Map<string, readonly number[]>();
  for (const key of values.keys()) {
    const item = /^(.*)\[(\d+)\]$/.exec(key);
    const list = item?.[1];
    if (list !== undefined) orders.set(list, [...(orders.get(list) ?? []), Number(item?.[2])]);
  }
  return (key) => {
    const item = /^(.*)\[(\d+)\]$/.exec(key);
    if (item?.[1] === undefined) return stepsOf(key);
    const order = [...(orders.get(item[1]) ?? [])].sort((left, right) => left - right);
    return [...stepsOf(item[1]), String(order.indexOf(Number(item[2])))];
  };
}

function isWithin(key: string, path: readonly string[], split: (key: string) => readonly string[]): boolean {
  const steps = split(key);
  return steps.every((step, index) => index >= path.length || step === path[index]);
}

function nested(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const environment: Record<string, unknown> = {};
  const split = indexesOf(values);
  for (const [key, value] of values) {
    const isItem = key.endsWith("]");
    const steps = split(key);
    let at = environment;
    for (const [index, step] of steps.slice(0, -1).entries()) {
      const isList = isItem && index === steps.length - 2;
      at[step] ??= isList ? [] : {};
      at = at[step] as Record<string, unknown>;
    }
    at[steps.at(-1) ?? ""] = value;
  }
  const order = Object.keys(environmentSchema().shape);
  const place = (key: string): number => (order.includes(key) ? order.indexOf(key) : order.length);
  return Object.fromEntries(Object.entries(environment).sort(([a], [b]) => place(a) - place(b)));
}

const judged = (findings: readonly Finding[], refused: ReadonlyMap<string, string>): readonly Finding[] =>
  findings.map((finding) => {
    const reason = finding.to === null ? undefined : refused.get(finding.to);
    if (reason === undefined) return { ...finding, to: finding.to?.replaceAll("\u0001", ".") ?? null };
    return { ...finding, outcome: "lost", to: null, note: reason };
  });
