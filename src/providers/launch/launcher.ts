import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { asNativeError, errorOf, type NativeOutcome, problemOf } from "../../native/native.ts";
import { readContainerState } from "../../native/state.ts";
import { containerIdOf, containersPath, projectPath } from "../../state/paths.ts";
import type { Context, Contribution, Created, CreateRequest, Launcher } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { writeBundle } from "./bundle.ts";
import { readProcess } from "./processes.ts";
import { reach, verify } from "./readiness.ts";
import { compareSecrets, hashSecrets, readSecrets, type Secrets, secretProblem } from "./secrets.ts";

/** Owns the containers: everything that pavlosc does for reconcile/ goes through here. */
export function makeLauncher(tools: Tools): Launcher {
  const { native, files, paths } = tools;
  return {
    processes: async (records, context) =>
      new Map(records.map((record) => [record.name, readProcess(tools, context.project.id, record)])),
    secretHashes: async (environments) =>
      new Map(
        environments
          .filter((environment) => Object.keys(environment.secrets).length > 0)
          .map((environment) => [environment.name, compareSecrets(tools, environment)]),
      ),
    async strays(records, context) {
      const known = new Set(records.map((record) => record.containerId));
      const ids = files.list(containersPath(paths)) ?? [];
      // Another project's ids may begin with this one's: the bundle tells whose it is.
      const own = `${projectPath(paths, context.project.id)}/`;
      return ids
        .filter((id) => id.startsWith(`${context.project.id}-`) && !known.has(id))
        .filter((id) => readContainerState(files, containersPath(paths), id)?.bundle.startsWith(own));
    },
    create: (requests, context) => create(tools, requests, context),
    async hook(environment, containerId, command, context) {
      const outcome = await native.run(["exec", containerId, ...command], { signal: context.signal });
      return outcome.code === 0
        ? success(undefined)
        : failure(hookProblem(environment.name, command, outcome));
    },
    async start(containerIds) {
      if (containerIds.length === 0) return new Map();
      const outcome = await native.run(["start", "--batch", ...containerIds]);
      return answers(containerIds, outcome, "cannot be started");
    },
    reach: (other, condition, context) => reach(tools, other, { condition, context }),
    verify: (target, grace, context) => verify(tools, target, { grace, context }),
    async stop(containerIds) {
      if (containerIds.length === 0) return new Map();
      const outcome = await native.run(["stop", ...containerIds]);
      return answers(containerIds, outcome, "cannot be stopped");
    },
  };
}

interface Ready {
  readonly name: string;
  readonly bundle: string;
  readonly secrets: Secrets;
}

async function create(
  tools: Tools,
  requests: readonly CreateRequest[],
  context: Context,
): Promise<ReadonlyMap<string, Result<Created, Problem>>> {
  const results = new Map<string, Result<Created, Problem>>();
  const ready = new Map<string, Ready>();
  for (const request of requests) {
    const { name } = request.environment;
    const prepared = await makeReady(tools, request, context);
    if (prepared.ok) ready.set(containerIdOf(context.project.id, name), prepared.value);
    else results.set(name, prepared);
  }
  // After all bundles: what they name came about while they were written.
  for (const { environment, contributions } of requests) {
    const whole = await allReady(contributions);
    if (whole.ok) continue;
    ready.delete(containerIdOf(context.project.id, environment.name));
    results.set(environment.name, whole);
  }
  if (ready.size === 0) return results;
  const items = [...ready].map(([id, { bundle, secrets: env }]) => ({ id, bundle, env }));
  const outcome = await tools.native.run(["run", "--supervise", "--hold", "--batch", "-"], {
    input: JSON.stringify(items),
  });
  const lines = linesById(outcome);
  for (const [id, { name, secrets }] of ready) {
    const line = lines.get(id);
    if (typeof line?.pid === "number") {
      const secretHashes = hashSecrets(tools, secrets);
      results.set(name, success({ containerId: id, pid: line.pid, secretHashes }));
      continue;
    }
    const error = asNativeError(line?.error) ?? errorOf(outcome);
    // pavlosc looks for the command before anything of the container runs.
    const place = error.step === "execute" ? context.place(name, "command") : null;
    results.set(name, failure({ ...problemOf(error, `${name} cannot be created`), place }));
  }
  return results;
}

async function allReady(contributions: readonly Contribution[]): Promise<Result<void, Problem>> {
  for (const { ready } of contributions) {
    const done = await ready;
    if (done?.ok === false) return done;
  }
  return success(undefined);
}

async function makeReady(
  tools: Tools,
  request: CreateRequest,
  context: Context,
): Promise<Result<Ready, Problem>> {
  const { environment } = request;
  const secrets = readSecrets(tools, environment);
  if (!secrets.ok) return failure(secretProblem(environment.name, secrets.failure, context));
  const bundle = await writeBundle(tools, request, context);
  if (!bundle.ok) return bundle;
  return success({ name: environment.name, bundle: bundle.value, secrets: secrets.value });
}

function answers(
  ids: readonly string[],
  outcome: NativeOutcome,
  what: string,
): ReadonlyMap<string, Result<void, Problem>> {
  const lines = linesById(outcome);
  return new Map(
    ids.map((id): [string, Result<void, Problem>] => {
      const line = lines.get(id);
      if (line !== undefined && line.error == null) return [id, success(undefined)];
      return [id, failure(problemOf(asNativeError(line?.error) ?? errorOf(outcome), `${id} ${what}`))];
    }),
  );
}

interface Line {
  readonly pid?: unknown;
  readonly error?: unknown;
}

/** The JSON lines of a batch; what is no such line is passed over. */
function linesById(outcome: NativeOutcome): ReadonlyMap<string, Line> {
  const lines = new Map<string, Line>();
  for (const text of outcome.stdout.split("\n")) {
    if (!text.startsWith("{")) continue;
    try {
      const line = JSON.parse(text) as Line & { readonly id?: unknown };
      if (typeof line.id === "string") lines.set(line.id, line);
    } catch {
      // Cut off: pavlosc died in the middle; its container is answered by the outcome's error.
    }
  }
  return lines;
}

function hookProblem(name: string, command: readonly string[], outcome: NativeOutcome): Problem {
  const said = `${outcome.stdout}\n${outcome.stderr}`.split("\n").filter((line) => line.trim() !== "");
  const tail = said.slice(-5).map((line) => `\n    ${line}`);
  return {
    code: "hook-failed",
    message: `a hook of ${name} failed with code ${outcome.code}: ${command.join(" ")}${tail.join("")}`,
    place: null,
    hint: `correct the hook, then run \`pavlos apply\` again`,
  };
}
