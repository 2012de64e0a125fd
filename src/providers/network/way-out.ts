import { type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { activeNetworks } from "./links.ts";
import { readResolvers } from "./names.ts";
import { isAliveOutlet, openPorts, outletArgs, outletProgram, startOutlet } from "./outlet.ts";
import type { NetworkTools } from "./tools.ts";
import { keep, type Work } from "./work.ts";

/** Without root: the way out, and the ports of the machine. */
export async function connect(work: Work): Promise<Result<void, Problem>> {
  const { tools, machine, record, up } = work;
  const { ground, layout } = machine;
  const program = outletProgram(tools);
  if (ground.kind === "machine" || program === null) return success(undefined);
  const old = work.running.outlet;
  const isAlive = isAliveOutlet(tools, old);
  const needed = activeNetworks(record, up.keys()).some(({ internal }) => !internal);
  const relays = readResolvers().loopback === null ? "nothing" : "names";
  const ports = openPorts(record, new Set(up.keys()));
  const args = outletArgs(program, { holder: ground.holder, ports, relays });
  const fits = old !== null && isAlive && old.program === program && old.args.join("\n") === args.join("\n");
  if (fits && needed) return success(undefined);
  if (old !== null && isAlive) {
    tools.programs.kill(old.pid);
    await ended(tools, old.pid);
  }
  keep(work, { outlet: null });
  if (!needed) return success(undefined);
  const started = await startOutlet(tools, layout, { program, args });
  if (started.ok) {
    keep(work, { outlet: started.value });
    return success(undefined);
  }
  // Without a way out they still reach each other; ports that were asked for are another matter.
  if (ports.length > 0) return started;
  const { message, hint } = started.failure;
  work.context.report({
    kind: "notice",
    notice: { code: "no-way-out", environment: null, message, ...(hint ? { hint } : {}) },
  });
  return success(undefined);
}

/** A killed process keeps its ports until it is gone. */
async function ended({ files }: NetworkTools, pid: number): Promise<void> {
  for (
    let tries = 0;
    tries < 200 && files.readText(`/proc/${pid}/stat`)?.includes(") Z ") === false;
    tries += 1
  )
    await new Promise((resolve) => setTimeout(resolve, 5));
}
