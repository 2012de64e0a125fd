import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { realFiles } from "../host/real-files.ts";
import type { Happening } from "../model/happening.ts";
import { failure, success } from "../model/result.ts";
import { inOrder, parseEvents, parseJournal } from "../state/happenings.ts";
import { environmentPaths, projectPath } from "../state/paths.ts";
import { readRecords } from "../state/project.ts";
import { renderHappening } from "../ui/happenings.ts";
import { type Invocation, textOption, type Verb } from "./invocation.ts";
import { parseSince } from "./logs/lines.ts";
import { findProject } from "./projects.ts";
import type { Project } from "./session.ts";

/** How often a follower looks, in milliseconds: inotify does not tell of all file systems. */
const pulse = 200;

/** `pavlos events`: what happened to the environments; with --follow also what happens. */
export const events: Verb = async (invocation) => {
  const { args, options, globals, terminal, interruption } = invocation;
  const project = await findProject(invocation);
  if (!project.ok) return project;
  const written = textOption(invocation, "since");
  const since = written === null ? null : parseSince(written, new Date());
  if (written !== null && since === null) return failure([wrongSince(written)]);
  const isAsked = ({ environment, time }: Happening): boolean =>
    (args.length === 0 || args.includes(environment)) &&
    (since === null || Date.parse(time) >= Date.parse(since));
  const look = () => inOrder(read(project.value)).filter(isAsked);
  const before = look();
  if (globals.json && options.follow !== true) {
    terminal.out(JSON.stringify({ version: 1, events: before }, null, 2));
    return success(0);
  }
  for (const happening of before) tell(invocation, happening);
  if (options.follow !== true) {
    if (before.length === 0) terminal.err("Nothing has happened yet.");
    return success(0);
  }
  await follow(invocation, { look, told: new Set(before.map(keyOf)), signal: interruption() });
  return success(0);
};

interface Following {
  readonly look: () => readonly Happening[];
  readonly told: Set<string>;
  readonly signal: AbortSignal;
}

async function follow(invocation: Invocation, { look, told, signal }: Following): Promise<void> {
  while (!signal.aborted) {
    // Ended by the signal: that is no failure.
    await sleep(pulse, undefined, { signal }).catch(() => undefined);
    const all = look();
    for (const happening of all) if (!told.has(keyOf(happening))) tell(invocation, happening);
    // What was rotated away is forgotten too.
    told.clear();
    for (const happening of all) told.add(keyOf(happening));
  }
}

const keyOf = (happening: Happening): string => JSON.stringify(happening);

/** With --json and --follow a line for each. */
function tell({ globals, terminal }: Invocation, happening: Happening): void {
  if (globals.json) terminal.out(JSON.stringify({ version: 1, ...happening }));
  else terminal.out(renderHappening(happening, terminal.outStyle));
}

/** Of all environments that exist; those of one that was destroyed went with it. */
function read({ paths, identity }: Project): readonly Happening[] {
  const directory = projectPath(paths, identity.id);
  const own = readRecords(realFiles, directory).records.flatMap(({ name }) => {
    const path = join(dirname(environmentPaths(paths, identity.id, name).log), "events.jsonl");
    return [`${path}.1`, path].flatMap((file) => parseEvents(realFiles.readText(file) ?? ""));
  });
  return [...own, ...parseJournal(realFiles.readText(`${directory}/journal.jsonl`) ?? "")];
}

const wrongSince = (text: string) => ({
  code: "usage",
  message: `--since cannot be ${JSON.stringify(text)}`,
  place: null,
  expected: "10m, 2h, 1d or a date such as 2026-11-23T10:00",
});
