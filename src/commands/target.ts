import { didYouMean } from "../config/suggest.ts";
import { realFiles } from "../host/real-files.ts";
import type { InstanceRecord } from "../model/instance.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { findNative } from "../native/find.ts";
import { isAlive, readContainerState } from "../native/state.ts";
import { containersPath, environmentPaths, projectPath } from "../state/paths.ts";
import { readRecords } from "../state/project.ts";
import type { Invocation } from "./invocation.ts";
import { findProject } from "./projects.ts";
import type { Project } from "./session.ts";

/** An environment that exists, and where its things are. */
export interface Target {
  readonly project: Project;
  readonly record: InstanceRecord;
  /** The log's path. */
  readonly log: string;
}

/** The environments named, or all; a name that does not exist is a problem. */
export async function findTargets(
  invocation: Invocation,
  names: readonly string[],
): Promise<Result<readonly Target[], readonly Problem[]>> {
  const project = await findProject(invocation);
  if (!project.ok) return project;
  const { paths, identity } = project.value;
  const records = readRecords(realFiles, projectPath(paths, identity.id)).records;
  const unknown = names.filter((name) => !records.some((record) => record.name === name));
  if (unknown.length > 0) return failure(unknown.map((name) => unknownName(name, records)));
  const chosen = records.filter((record) => names.length === 0 || names.includes(record.name));
  return success(
    chosen.map((record) => ({
      project: project.value,
      record,
      log: environmentPaths(paths, identity.id, record.name).log,
    })),
  );
}

/** The one environment meant; without a name the only one that there is. */
export async function findTarget(
  invocation: Invocation,
  name: string | null,
): Promise<Result<Target, readonly Problem[]>> {
  const targets = await findTargets(invocation, name === null ? [] : [name]);
  if (!targets.ok) return targets;
  const [target, ...others] = targets.value;
  if (target === undefined) return failure([nothingApplied]);
  if (others.length > 0) return failure([ambiguous(invocation.command, targets.value)]);
  return success(target);
}

/** The beginning of pavlosc's command line to enter an environment, when that runs. */
export function enterTarget({ project, record }: Target): Result<readonly string[], readonly Problem[]> {
  const binary = findNative(realFiles, process.env);
  if (!binary.ok) return failure([binary.failure]);
  const root = containersPath(project.paths);
  const state = readContainerState(realFiles, root, record.containerId);
  if (state === null || !isAlive(realFiles, state)) return failure([notRunning(record)]);
  return success([...project.host.cgroup.scope, binary.value, "--root", root]);
}

const notRunning = ({ name, stopped }: InstanceRecord): Problem => ({
  code: "not-running",
  message: `${name} is not running`,
  place: null,
  hint: stopped
    ? `start it with \`pavlos start ${name}\``
    : `\`pavlos logs ${name}\` shows what it said, \`pavlos apply\` starts it`,
});

const nothingApplied: Problem = {
  code: "nothing-applied",
  message: "no environment of this project exists yet",
  place: null,
  hint: "make them with `pavlos apply`",
};

const ambiguous = (command: string, targets: readonly Target[]): Problem => ({
  code: "name-needed",
  message: `this project has ${targets.length} environments: say which one`,
  place: null,
  expected: targets.map(({ record }) => record.name).join(", "),
  hint: `for example \`pavlos ${command} ${targets[0]?.record.name}\``,
});

function unknownName(name: string, records: readonly InstanceRecord[]): Problem {
  const names = records.map((record) => record.name);
  const hint =
    didYouMean(name, names) ?? "`pavlos ps` lists what there is; `pavlos apply` makes what the files say";
  return {
    code: "unknown-environment",
    message: `there is no environment \`${name}\` here`,
    place: null,
    ...(names.length > 0 ? { expected: names.join(", ") } : {}),
    hint,
  };
}
