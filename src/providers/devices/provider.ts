import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Notice, Problem } from "../../model/source.ts";
import { containerIdOf, environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Checked, Container, Context, Contribution, Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";
import type { Attachment } from "./attachment.ts";
import { changeVariables, holdersOf, turnLive } from "./change.ts";
import { contributionOf, driverInProc } from "./contribute.ts";
import { makePrebuilt } from "./nvidia/directory.ts";
import { observeDevices } from "./observe.ts";
import { conflictOf, type Reservation, release, reservations, reserve } from "./reservations.ts";
import {
  concerned,
  type DeviceTools,
  lookAtMachine,
  type Machine,
  type Plan,
  planOf,
  type Refused,
} from "./resolve.ts";
import { readStored, writeStored } from "./stored.ts";

/** Device nodes, CDI devices of any vendor, and GPUs. */
export function makeDevicesProvider(tools: DeviceTools): Provider {
  const desk: Desk = { intended: new Map(), machine: null, last: Promise.resolve() };
  return {
    name: "devices",
    fields: ["gpus", "devices"],
    check: (environments, context) => check(tools, environments, { context, desk }),
    observe: async (instances, context) =>
      observeDevices(tools, lookAtMachine(tools, context), { instances, context }),
    contribute: (environment, context) => contribute(tools, environment, { context, desk }),
    change: (environment, _fields, context, container) =>
      change(tools, environment, { context, desk, container }),
    obstacle: (environment, context, container) => obstacle(tools, environment, { context, container }),
    async remove(name, context) {
      await release(tools, containerIdOf(context.project.id, name));
      return success(undefined);
    },
  };
}

/** What environments of one command have to know of each other. */
interface Desk {
  /** GPUs that `check` chose, by container: then nobody else's choice takes them. */
  readonly intended: Map<string, readonly string[]>;
  /** As `check` saw it: what it agreed to is what is then attached. */
  machine: Machine | null;
  /** Claims are made one after another: each sees those before it. */
  last: Promise<unknown>;
}

interface At {
  readonly context: Context;
  readonly desk: Desk;
}

async function check(
  tools: DeviceTools,
  environments: readonly Checked[],
  { context, desk }: At,
): Promise<{ readonly problems: readonly Problem[]; readonly notices: readonly Notice[] }> {
  const problems: Problem[] = [];
  const notices: Notice[] = [];
  const machine = lookAtMachine(tools, context);
  desk.machine = machine;
  desk.intended.clear();
  let others = reservations(tools);
  // Who names a GPU comes before who takes any.
  const named = ({ environment }: Checked) => (typeof environment.gpus?.want === "object" ? 0 : 1);
  const ordered = environments
    .filter(({ environment }) => concerned(environment))
    .toSorted((left, right) => named(left) - named(right));
  for (const { environment } of ordered) {
    const { name, gpus } = environment;
    const container = containerIdOf(context.project.id, name);
    const planned = await planOf(tools, machine, { environment, users: usersOf(others, container) });
    if (!planned.ok) {
      problems.push(problemOf(planned.failure, environment, context));
      continue;
    }
    notices.push(...planned.value.notices.map((notice) => ({ ...notice, environment: name })));
    const wanted: Reservation = {
      container,
      project: context.project.name,
      environment: name,
      gpus: planned.value.attachment.gpus,
      exclusive: gpus?.exclusive ?? false,
      claimer: { pid: 0, startTime: 0, at: 0 },
    };
    const conflict = conflictOf(tools, wanted, others);
    if (conflict !== null) problems.push(taken(conflict, environment, context));
    desk.intended.set(container, wanted.gpus);
    others = [...others.filter((other) => other.container !== container), wanted];
  }
  return { problems, notices };
}

async function contribute(
  tools: DeviceTools,
  environment: Environment,
  { context, desk }: At,
): Promise<Result<Contribution, Problem>> {
  const { name } = environment;
  if (!concerned(environment)) {
    return attempt(`the devices of ${name} cannot be forgotten`, async () => {
      await tools.files.remove(
        `${environmentPaths(tools.paths, context.project.id, name).bundle}/devices.json`,
      );
      return hiding(tools);
    });
  }
  const planned = await claim(tools, environment, { context, desk });
  if (!planned.ok) return planned;
  const { attachment } = planned.value;
  return attempt(`the devices of ${name} cannot be prepared`, () => {
    writeStored(tools, { projectId: context.project.id, name, attachment });
    return contributionOf(environment, attachment, tools.host.caller.uid === 0);
  });
}

/** Without GPUs nothing of the driver is seen. */
const hiding = ({ files }: Tools): Contribution =>
  files.status(driverInProc) === null ? {} : { maskedPaths: [driverInProc] };

async function change(
  tools: DeviceTools,
  environment: Environment,
  { context, desk, container }: At & { readonly container: Container },
): Promise<Result<void, Problem>> {
  const { name } = environment;
  const projectId = context.project.id;
  const from = readStored(tools, projectId, name);
  const planned = await claim(tools, environment, { context, desk });
  if (!planned.ok) return planned;
  const turn = { environment, from, to: planned.value.attachment };
  const done = await turnLive(tools, turn, container);
  if (!done.ok) return done;
  return attempt(`what ${name} has cannot be written down`, () => {
    changeVariables(tools, environmentPaths(tools.paths, projectId, name).bundle, turn);
    writeStored(tools, { projectId, name, attachment: turn.to });
  });
}

/** What cannot be planned is no obstacle: check refuses it as a whole. */
async function obstacle(
  tools: DeviceTools,
  environment: Environment,
  { context, container }: { readonly context: Context; readonly container: Container },
): Promise<string | null> {
  const from = readStored(tools, context.project.id, environment.name);
  const users = usersOf(reservations(tools), container.id, from);
  const planned = await planOf(tools, lookAtMachine(tools, context), { environment, users });
  if (!planned.ok) return null;
  const busy = await holdersOf(tools, { environment, from, to: planned.value.attachment }, container);
  return busy?.busy ? `${busy.error.subject}: ${busy.error.reason}` : null;
}

/** Plans, makes what is to be mounted, and reserves. */
function claim(tools: DeviceTools, environment: Environment, at: At): Promise<Result<Plan, Problem>> {
  const own = at.desk.last.then(() => claimNow(tools, environment, at));
  at.desk.last = own.catch(() => undefined);
  return own;
}

async function claimNow(
  tools: DeviceTools,
  environment: Environment,
  { context, desk }: At,
): Promise<Result<Plan, Problem>> {
  const container = containerIdOf(context.project.id, environment.name);
  const stored = readStored(tools, context.project.id, environment.name);
  const users = usersOf(reservations(tools), container, stored);
  for (const [other, gpus] of desk.intended)
    for (const key of gpus) (other === container ? users.own : users.used).add(key);
  const planned = await planOf(tools, desk.machine ?? lookAtMachine(tools, context), { environment, users });
  if (!planned.ok) return failure(problemOf(planned.failure, environment, context));
  const made = await attempt(`the driver's directory for ${environment.name} cannot be made`, async () => {
    const asPlanned = await Promise.all(
      planned.value.directories.map((directory) => makePrebuilt(tools.files, directory)),
    );
    return asPlanned.every(Boolean);
  });
  if (!made.ok) return made;
  // What this machine cannot link is mounted: the plan sees that by what was made.
  if (!made.value) return claimNow(tools, environment, { context, desk });
  const conflict = await reserve(tools, {
    container,
    project: context.project.name,
    environment: environment.name,
    gpus: planned.value.attachment.gpus,
    exclusive: environment.gpus?.exclusive ?? false,
  });
  return conflict === null ? planned : failure(taken(conflict, environment, context));
}

function usersOf(all: readonly Reservation[], container: string, stored?: Attachment) {
  const own = all.filter((one) => one.container === container).flatMap(({ gpus }) => gpus);
  const used = all.filter((one) => one.container !== container).flatMap(({ gpus }) => gpus);
  return { used: new Set(used), own: new Set([...own, ...(stored?.gpus ?? [])]) };
}

const problemOf = (
  { path, code, message, hint }: Refused,
  { name }: Environment,
  context: Context,
): Problem => ({
  code,
  message: `${name}: ${message}`,
  place: context.place(name, path),
  hint,
});

const taken = (
  { holder, gpu }: { readonly holder: Reservation; readonly gpu: string },
  { name }: Environment,
  context: Context,
): Problem => ({
  code: "gpu-taken",
  message: `${name}: the GPU ${gpu} ${holder.exclusive ? "is reserved by" : "is used by"} ${holder.environment} of ${holder.project}`,
  place: context.place(name, "gpus"),
  hint: `\`pavlos stop ${holder.environment}\` there frees it, or choose another GPU`,
});
