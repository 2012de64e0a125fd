import { failure, success } from "../../model/result.ts";
import { beforeRecreate, type SnapshotRecord } from "../../model/snapshot.ts";
import type { Problem } from "../../model/source.ts";
import { saveSnapshot } from "../../providers/rootfs/snapshots/save.ts";
import { readSnapshot } from "../../providers/rootfs/snapshots/store.ts";
import { approximateBytes } from "../../ui/values.ts";
import type { Verb } from "../invocation.ts";
import { enterTarget } from "../target.ts";
import { checkLayer, openPlace, whileLocked } from "./place.ts";

/** `pavlos snapshot save NAME [SNAPSHOT]`; without a name it is the time. */
export const save: Verb = async (invocation) => {
  const opened = await openPlace(invocation);
  if (!opened.ok) return opened;
  const now = new Date();
  const name = invocation.args[1] ?? timeName(now);
  if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return failure([badName(name)]);
  if (name === beforeRecreate) return failure([takenName(name)]);
  const { place, target } = opened.value;
  const missing = checkLayer(opened.value);
  if (missing !== null) return failure([missing]);
  if (readSnapshot(place, name) !== null) return failure([exists(place.name, name)]);
  const began = performance.now();
  const saved = await whileLocked(opened.value, "pavlos snapshot save", () =>
    saveSnapshot(place, { record: target.record, name, running: enterTarget(target).ok, now }),
  );
  if (!saved.ok) return saved;
  const { terminal, globals } = invocation;
  if (globals.json) terminal.out(JSON.stringify({ version: 1, snapshot: saved.value }, null, 2));
  else {
    const took = Math.round(performance.now() - began);
    terminal.out(`saved ${name} of ${place.name}: ${sizeOf(saved.value)}, in ${took} ms`);
    if (!globals.quiet && meaning[saved.value.state] !== "") terminal.err(`! ${meaning[saved.value.state]}`);
  }
  return success(0);
};

/** What a snapshot of something that runs is worth. */
const meaning = {
  stopped: "",
  running:
    "it stood still while it was copied: the snapshot is what a power cut would leave. Databases recover from that by their logs; `pavlos stop` first for a clean one",
  moving:
    "it could not be paused here and ran on while it was copied: files that were being written may not fit together; `pavlos stop` first for a clean one",
} as const satisfies Record<SnapshotRecord["state"], string>;

const sizeOf = ({ bytes, shared }: SnapshotRecord): string =>
  `${approximateBytes(bytes)}${shared > 0 ? ` (${approximateBytes(shared)} shared on the disk)` : ""}`;

/** 2026-11-23T10:00:00.000Z -> 20261123-100000 */
const timeName = (now: Date): string =>
  now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");

const badName = (name: string): Problem => ({
  code: "usage",
  message: `a snapshot cannot be called ${JSON.stringify(name)}`,
  place: null,
  expected: "letters, digits, `.`, `_` and `-`, at most 63, the first a letter or digit",
});

const takenName = (name: string): Problem => ({
  code: "usage",
  message: `the snapshot \`${name}\` is the one that each recreate makes`,
  place: null,
  hint: "choose another name: the next recreate would replace it",
});

const exists = (environment: string, name: string): Problem => ({
  code: "snapshot-exists",
  message: `${environment} has a snapshot \`${name}\` already`,
  place: null,
  hint: `choose another name, or remove it first with \`pavlos snapshot rm ${environment} ${name}\``,
});
