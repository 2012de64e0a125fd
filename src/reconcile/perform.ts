import type { Environment } from "../model/environment.ts";
import type { InstanceRecord } from "../model/instance.ts";
import type { Operation } from "../model/plan.ts";
import { failure, type Result, success, unreachable } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Context, Contribution, Created, CreateRequest } from "../providers/provider.ts";
import type { Machinery } from "./api.ts";
import type { Crew } from "./batch.ts";
import type { Gates } from "./gates.ts";
import { aside, awaitOther, verify } from "./patience.ts";

/** What is known of one environment while its operations run. */
export interface Session {
  readonly name: string;
  readonly containerId: string;
  /** As it is on disk now; null: none. */
  record: InstanceRecord | null;
  /** Of the container that runs, for live changes; null: none. */
  pid: number | null;
  /** ISO 8601, when the writable layer was made anew in this run; null: it was not. */
  layerSince: string | null;
  /** Set by `create`, kept by the next `record`. */
  created: Created | null;
  provider: Readonly<Record<string, unknown>> | null;
}

export type Perform = (operation: Operation, session: Session) => Promise<Result<void, Problem>>;

/** Makes what environments share, the first time that it is asked; later callers get the same answer. */
export type Gather = () => Promise<Result<void, Problem>>;

/** Waits until it is whole. */
export type Settle = () => Promise<Result<void, Problem>>;

/** What the operations of all environments share. */
export interface Common {
  readonly context: Context;
  readonly crew: Crew;
  readonly gates: Gates;
  readonly gather: Gather;
  readonly settle: Settle;
}

/** Carries out single operations; create, start and stop of many environments become one call each. */
export function makePerform(machinery: Machinery, common: Common): Perform {
  const { launcher, providers } = machinery;
  const { context, crew, gates, gather, settle } = common;
  const create = crew.batched<CreateRequest, Result<Created, Problem>>((requests) =>
    launcher.create([...requests.values()], context),
  );
  const start = crew.batched<null, Result<void, Problem>>((ids) => launcher.start([...ids.keys()], context));
  const stop = crew.batched<null, Result<void, Problem>>((ids) => launcher.stop([...ids.keys()], context));

  const startOne = async (session: Session): Promise<Result<void, Problem>> => {
    const settled = await settle();
    if (!settled.ok) return settled;
    const done = await start(session.containerId, null);
    if (done.ok) gates.started(session.name);
    return done;
  };

  const createOne = async (spec: Environment, session: Session): Promise<Result<void, Problem>> => {
    const gathered = await gather();
    if (!gathered.ok) return gathered;
    const parts = await contribute(machinery, spec, context);
    if (!parts.ok) return parts;
    const created = await create(spec.name, { environment: spec, contributions: [...parts.value.values()] });
    if (!created.ok) return created;
    session.created = created.value;
    session.pid = created.value.pid;
    session.provider = keepsOf(parts.value);
    return success(undefined);
  };

  return async (operation, session) => {
    switch (operation.kind) {
      case "prepare":
        for (const provider of providers) {
          const done = await provider.prepare?.(operation.spec, context, { fresh: operation.fresh });
          if (done !== undefined && !done.ok) return done;
        }
        if (operation.fresh) session.layerSince = machinery.now().toISOString();
        return success(undefined);
      case "await":
        return awaitOther(machinery, context, { operation, gates });
      case "verify":
        return verify(machinery, context, { operation, session });
      case "aside":
        return aside(machinery, context, { operation, session });
      case "create":
        return createOne(operation.spec, session);
      case "start":
        return startOne(session);
      case "stop":
        return stop(operation.containerId, null);
      case "hook":
        return runHooks(machinery, context, { operation, session });
      case "change":
        return change(machinery, common, { operation, session });
      case "record":
        return writeRecord(machinery, operation, session);
      case "remove":
        return remove(machinery, context, session);
      default:
        return unreachable(operation);
    }
  };
}

async function contribute(
  { providers }: Machinery,
  spec: Environment,
  context: Context,
): Promise<Result<ReadonlyMap<string, Contribution>, Problem>> {
  const parts = new Map<string, Contribution>();
  for (const provider of providers) {
    const part = await provider.contribute?.(spec, context);
    if (part === undefined) continue;
    if (!part.ok) return part;
    parts.set(provider.name, part.value);
  }
  return success(parts);
}

const keepsOf = (parts: ReadonlyMap<string, Contribution>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    [...parts].filter(([, part]) => part.keep !== undefined).map(([name, part]) => [name, part.keep]),
  );

async function runHooks(
  { launcher }: Machinery,
  context: Context,
  {
    operation,
    session,
  }: { readonly operation: Extract<Operation, { kind: "hook" }>; readonly session: Session },
): Promise<Result<void, Problem>> {
  const { spec, point } = operation;
  for (const command of spec.hooks[point]) {
    const done = await launcher.hook(spec, session.containerId, command, context);
    if (done.ok) continue;
    if (point !== "stopping") return done;
    // Nothing that the inside does may keep an environment from stopping.
    const notice = { code: "stopping-hook-failed", environment: spec.name, message: done.failure.message };
    context.report({ kind: "notice", notice });
  }
  return success(undefined);
}

/** Fields that reconcile/ itself reads from the record: nothing in the container depends on them. */
const own: ReadonlySet<string> = new Set(["labels", "profiles", "persist", "watch", "dependsOn"]);

async function change(
  { providers }: Machinery,
  { context, gather, settle }: Common,
  {
    operation,
    session,
  }: { readonly operation: Extract<Operation, { kind: "change" }>; readonly session: Session },
): Promise<Result<void, Problem>> {
  const { spec, fields } = operation;
  if (session.pid === null) return failure(unchangeable(spec.name, "nothing runs in it"));
  for (const shared of [await gather(), await settle()]) if (!shared.ok) return shared;
  const applied = session.record?.spec ?? spec;
  const container = { id: session.containerId, pid: session.pid, applied };
  const left = new Set(fields.filter((path) => !own.has(topOf(path))));
  for (const provider of providers) {
    const owned = [...left].filter((path) => provider.fields.some((field) => field === topOf(path)));
    if (owned.length === 0 || provider.change === undefined) continue;
    const done = await provider.change(spec, owned, context, container);
    if (!done.ok) return done;
    for (const path of owned) left.delete(path);
  }
  const names = [...left].join(", ");
  return left.size === 0
    ? success(undefined)
    : failure(unchangeable(spec.name, `nobody can change ${names} in it`));
}

const topOf = (path: string): string => path.split(/[.[]/)[0] ?? path;

const unchangeable = (environment: string, why: string): Problem => ({
  code: "not-changeable",
  message: `the running ${environment} cannot be changed: ${why}`,
  place: null,
});

/** A record that begins work must only outlive this process; one that ends it, a power cut. */
async function writeRecord(
  { state, now }: Machinery,
  operation: Extract<Operation, { kind: "record" }>,
  session: Session,
): Promise<Result<void, Problem>> {
  const { record: base, created, provider } = session;
  const record: InstanceRecord = {
    version: 1,
    name: session.name,
    containerId: session.containerId,
    createdAt: session.layerSince ?? base?.createdAt ?? now().toISOString(),
    stopped: base?.stopped ?? false,
    hooked: base?.hooked ?? false,
    pending: base?.pending ?? null,
    secretHashes: created?.secretHashes ?? base?.secretHashes ?? {},
    provider: provider ?? base?.provider ?? {},
    ...operation.patch,
    spec: operation.spec,
  };
  const written = await state.writeRecord(record, record.pending === null ? "durable" : "quick");
  if (written.ok) session.record = record;
  // What removes needs no room; killed halfway, it is an environment that the next destroy removes.
  if (!written.ok && written.failure.code === "disk-full" && record.pending?.action === "destroy")
    return success(undefined);
  return written;
}

async function remove(
  machinery: Machinery,
  context: Context,
  session: Session,
): Promise<Result<void, Problem>> {
  // In reverse: what a provider made may lie in what an earlier one made.
  for (const provider of machinery.providers.toReversed()) {
    const done = await provider.remove?.(session.name, context);
    if (done !== undefined && !done.ok) return done;
  }
  const removed = await machinery.state.removeEnvironment(session.name);
  if (removed.ok) session.record = null;
  return removed;
}
