import type { Operation } from "../model/plan.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Context } from "../providers/provider.ts";
import type { Machinery } from "./api.ts";
import type { Gates } from "./gates.ts";
import type { Session } from "./perform.ts";

type Of<Kind extends Operation["kind"]> = Extract<Operation, { readonly kind: Kind }>;

/** Milliseconds after which somebody who waits is told so. */
const worthSaying = 300;

/** Until another environment is as this one needs it. */
export async function awaitOther(
  machinery: Machinery,
  context: Context,
  { operation, gates }: { readonly operation: Of<"await">; readonly gates: Gates },
): Promise<Result<void, Problem>> {
  const { environment, other, condition } = operation;
  if (condition === "gone") {
    // Also when that failed: it is no reason to keep this one.
    await gates.end(other);
    return success(undefined);
  }
  const until = `${other} is ${condition}`;
  return await telling(context, { environment, until }, async () => {
    const outcome = await (condition === "started" ? gates.start(other) : gates.end(other));
    if (outcome === "failed") return failure(dependencyFailed(context, environment, other));
    const { records } = machinery.state.readRecords();
    const record = records.find(({ name }) => name === other);
    if (record === undefined) return failure(dependencyMissing(context, environment, other));
    const reached = await machinery.launcher.reach(record, condition, context);
    if (reached.ok) return reached;
    const place = context.place(environment, `dependsOn.${other}`);
    return failure({ ...reached.failure, place });
  });
}

/** Until what was started has shown that it is good. */
export function verify(
  { launcher }: Machinery,
  context: Context,
  { operation, session }: { readonly operation: Of<"verify">; readonly session: Session },
): Promise<Result<void, Problem>> {
  const { environment, spec, grace } = operation;
  const target = { name: environment, containerId: session.containerId, spec };
  return telling(context, { environment, until: "it is healthy" }, () =>
    launcher.verify(target, grace, context),
  );
}

/** Each provider keeps, brings back or drops what it has. */
export async function aside(
  { providers }: Machinery,
  context: Context,
  { operation, session }: { readonly operation: Of<"aside">; readonly session: Session },
): Promise<Result<void, Problem>> {
  // Without a record nothing was there before.
  if (session.record === null) return success(undefined);
  for (const provider of providers) {
    const done = await provider.aside?.(session.record, operation.step, context);
    if (done !== undefined && !done.ok) return done;
  }
  return success(undefined);
}

async function telling<T>(
  context: Context,
  event: { readonly environment: string; readonly until: string },
  work: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => context.report({ kind: "waiting", ...event }), worthSaying);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

const dependencyFailed = (context: Context, environment: string, other: string): Problem => ({
  code: "dependency-failed",
  message: `\`${other}\`, on which it depends, failed`,
  place: context.place(environment, `dependsOn.${other}`),
  hint: `mend \`${other}\` first`,
});

const dependencyMissing = (context: Context, environment: string, other: string): Problem => ({
  code: "dependency-failed",
  message: `\`${other}\`, on which it depends, has not been made`,
  place: context.place(environment, `dependsOn.${other}`),
  hint: `\`pavlos apply ${other} ${environment}\``,
});
