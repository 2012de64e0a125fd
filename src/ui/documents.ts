import type { Environment } from "../model/environment.ts";
import type { Instance } from "../model/instance.ts";
import type { Change, FieldChange, Plan } from "../model/plan.ts";
import type { Place, Problem } from "../model/source.ts";
import { formatPlace } from "./places.ts";

/** The documents that --json prints; schema/output.schema.json describes them, version 1. */
export interface ChangeOutcome {
  readonly change: Change;
  readonly failure: { readonly problem: Problem; readonly left: string | null } | null;
  readonly durationMs: number;
}

/** `diff --json`. */
export function diffDocument(plan: Plan, base: string): object {
  return { version: 1, changes: plan.changes.map((change) => changeOf(change, base)), summary: plan.summary };
}

/** `apply --json` and the other commands that change something. */
export function applyDocument(plan: Plan, results: readonly ChangeOutcome[], base: string): object {
  const changes = results.map(({ change, failure, durationMs }) => ({
    ...changeOf(change, base),
    result: failure === null ? "done" : "failed",
    error: failure === null ? null : { ...errorOf(failure.problem, base), left: failure.left },
    durationMs: Math.round(durationMs * 1000) / 1000,
  }));
  return { version: 1, changes, summary: plan.summary };
}

/** One element of `ps --json`. */
export function instanceDocument(project: string, instance: Instance): object {
  const { record, process } = instance;
  return {
    project,
    name: instance.name,
    status: process.status,
    pid: process.pid,
    startedAt: process.startedAt,
    exitCode: process.exitCode,
    health: process.health?.status ?? null,
    rootfs: record.spec.rootfs,
    addresses: [],
    ports: [],
    gpus: [],
  };
}

/** The same for an environment that the files name and nobody has made yet. */
export function missingDocument(project: string, environment: Environment): object {
  const { name, rootfs } = environment;
  const nothing = { pid: null, startedAt: null, exitCode: null, health: null };
  return { project, name, status: "missing", ...nothing, rootfs, addresses: [], ports: [], gpus: [] };
}

/** What --json prints when a command failed; `code` and `message` are the first problem's. */
export function errorDocument(problems: readonly Problem[], base: string): object {
  const [first] = problems;
  const places = problems.map((problem) => ({
    code: problem.code,
    message: problem.message,
    file: problem.place === null ? null : formatFile(problem.place, base),
    line: problem.place?.line ?? null,
    column: problem.place?.column ?? null,
    expected: problem.expected ?? null,
    hint: problem.hint ?? null,
    ...(problem.output === undefined ? {} : { output: problem.output }),
  }));
  return { error: { code: first?.code ?? "internal", message: first?.message ?? "unknown error", places } };
}

function errorOf(problem: Problem, base: string): object {
  const { error } = errorDocument([problem], base) as { error: object };
  return error;
}

function changeOf(change: Change, base: string): object {
  return {
    environment: change.environment,
    action: change.action,
    drift: change.drift,
    reason: change.reason ?? null,
    fields: change.fields.map((field) => fieldOf(field, base)),
    dataLost: change.dataLost,
  };
}

function fieldOf(field: FieldChange, base: string): object {
  return {
    path: field.path,
    from: field.from ?? null,
    ...("live" in field ? { live: field.live ?? null } : {}),
    to: field.to ?? null,
    impact: field.impact,
    source: field.source === null ? null : formatPlace(field.source, base),
    reason: field.reason ?? null,
  };
}

const formatFile = (place: Place, base: string): string =>
  formatPlace({ ...place, line: 1, column: 1 }, base).replace(/:1:1$/, "");
