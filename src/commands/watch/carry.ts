import { readBytes, streamOf } from "../../host/content.ts";
import type { InstanceRecord } from "../../model/instance.ts";
import type { Desired } from "../../model/project.ts";
import type { Native, NativeOutcome } from "../../native/native.ts";
import type { Machinery } from "../../reconcile/api.ts";
import { reconcile } from "../../reconcile/reconcile.ts";
import type { Copy, Errands } from "../../reconcile/watch/rules.ts";
import type { Tone } from "../../ui/news.ts";
import { shortPath } from "../../ui/places.ts";

export interface Carrier {
  readonly machinery: Machinery;
  readonly native: Native;
  /** The files as last read. */
  readonly desired: () => Desired | null;
  readonly say: (text: string, tone: Tone) => void;
}

/** Does what rules ask for, one environment after another. What fails is told; the next change tries again. */
export async function carryErrands(carrier: Carrier, all: readonly Errands[]): Promise<void> {
  for (const errands of all) {
    const { machinery, say } = carrier;
    const { environment } = errands;
    const record = machinery.state.readRecords().records.find(({ name }) => name === environment);
    if (record === undefined || record.stopped) continue;
    const [first = "", ...more] = errands.because.map((path) => shortPath(path, process.cwd()));
    const files = more.length === 0 ? first : `${first} and ${more.length} more`;
    say(`${environment}: ${files} changed: ${wordsFor(errands)}`, "quiet");
    if (errands.rebuild) await rebuild(carrier, environment);
    for (const copy of errands.copies) await carryCopy(carrier, record, copy);
    if (errands.restart) await reconcile(machinery, { kind: "restart", names: [environment] }, null);
    for (const command of errands.commands) await execute(carrier, record, command);
  }
}

function wordsFor({ rebuild, restart, copies, commands }: Errands): string {
  if (rebuild) return "rebuild";
  const words = [
    copies.length > 0 ? "sync" : "",
    restart ? "restart" : "",
    commands.length > 0 ? "exec" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
}

async function rebuild({ machinery, desired }: Carrier, name: string): Promise<void> {
  const files = desired();
  if (files === null) return;
  const goal = { kind: "apply", desired: files, names: [name], recreate: [name] } as const;
  await reconcile(machinery, goal, null);
}

/** By a process inside, so that links and owners there are the container's own. */
async function carryCopy(
  carrier: Carrier,
  { name, containerId }: InstanceRecord,
  { from, to }: Copy,
): Promise<void> {
  const file = from === null ? null : readBytes(from);
  const script =
    file === null
      ? 'rm -rf -- "$1"'
      : `mkdir -p -- "\${1%/*}/" && cat >"$1"${file.executable ? ' && chmod +x -- "$1"' : ""}`;
  const args = ["exec", containerId, "/bin/sh", "-c", script, "pavlos", to];
  tellFailure(
    carrier,
    name,
    await carrier.native.run(args, file === null ? {} : { stream: streamOf(file.bytes) }),
    `sync to ${to}`,
  );
}

async function execute(
  carrier: Carrier,
  { name, containerId }: InstanceRecord,
  command: readonly string[],
): Promise<void> {
  const outcome = await carrier.native.run(["exec", containerId, ...command], {
    signal: carrier.machinery.signal,
  });
  tellFailure(carrier, name, outcome, command.join(" "));
}

function tellFailure(
  { say }: Carrier,
  name: string,
  { code, stdout, stderr }: NativeOutcome,
  what: string,
): void {
  if (code === 0) return;
  const said = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
  say([`${name}: ${what} failed with code ${code}`, ...said.slice(-5)].join("\n"), "bad");
}
