import { resolve } from "node:path";
import { didYouMean } from "../../config/suggest.ts";
import type { ConfigReader } from "../../host/config-reader.ts";
import { realConfigReader } from "../../host/real-config-reader.ts";
import { realFiles } from "../../host/real-files.ts";
import type { Environment } from "../../model/environment.ts";
import type { Desired } from "../../model/project.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { namedRootPath } from "../../state/paths.ts";
import { eventLine } from "../../ui/progress.ts";
import type { Invocation } from "../invocation.ts";
import { openPlace, openProject, type Place } from "../session.ts";

/** What is to run, and the files that say so. */
export interface Chosen {
  readonly place: Place;
  readonly desired: Desired;
  readonly environment: Environment;
}

type Problems = readonly Problem[];

/** By name; without one the project's only environment, or the one that is called default. */
export async function chooseEnvironment(
  invocation: Invocation,
  name: string | null,
): Promise<Result<Chosen, Problems>> {
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const { desired } = project.value;
  const { environments } = desired;
  const wanted = name ?? (environments.length === 1 ? environments[0]?.name : "default");
  const environment = environments.find((one) => one.name === wanted);
  if (environment !== undefined) return success({ place: project.value, desired, environment });
  const names = environments.map((one) => one.name);
  return failure([name === null ? nameNeeded(names) : unknownName(name, names)]);
}

/** The host's root with all defaults: for a directory without any configuration. */
export async function hostEnvironment(): Promise<Result<Chosen, Problems>> {
  return await virtual("host", "rootfs: host\n");
}

/** A file of the first Pavlos; what of it has no effect any more is said. */
export async function legacyEnvironment(
  { terminal, globals }: Invocation,
  file: string,
): Promise<Result<Chosen, Problems>> {
  const place = openPlace();
  if (!place.ok) return place;
  const { loadLegacy } = await import("../../config/legacy-file.ts");
  const path = realConfigReader.realpath(resolve(file));
  const options = { cwd: process.cwd(), host: place.value.host, env: process.env, reader: realConfigReader };
  const hasDefaultRoot = realFiles.status(namedRootPath(place.value.paths, "default")) !== null;
  const loaded = await loadLegacy(path, { ...options, hasDefaultRoot });
  if (!loaded.ok) return loaded;
  const { desired, notices } = loaded.value;
  const base = process.cwd();
  for (const notice of globals.quiet ? [] : notices)
    terminal.err(eventLine({ kind: "notice", notice }, terminal, base) ?? "");
  return single(place.value, desired);
}

function single(place: Place, desired: Desired): Result<Chosen, Problems> {
  const [environment] = desired.environments;
  if (environment === undefined) throw new Error("a text with one environment gave none");
  return success({ place, desired, environment });
}

/** An environment that no file holds, as `yaml` would have it in this directory. */
export async function virtual(name: string, yaml: string): Promise<Result<Chosen, Problems>> {
  const place = openPlace();
  if (!place.ok) return place;
  const file = `${process.cwd()}/${name}.yaml`;
  const { loadProject } = await import("../../config/load.ts");
  const desired = await loadProject({
    cwd: process.cwd(),
    files: [file],
    host: place.value.host,
    env: process.env,
    reader: readerWith(file, yaml),
  });
  if (!desired.ok) return desired;
  return single(place.value, desired.value);
}

/** The file system with one more file. */
const readerWith = (file: string, text: string): ConfigReader => ({
  ...realConfigReader,
  readText: (path) => (path === file ? success(text) : realConfigReader.readText(path)),
  stat: (path) => (path === file ? "file" : realConfigReader.stat(path)),
  realpath: (path) => (path === file ? file : realConfigReader.realpath(path)),
});

const nameNeeded = (names: readonly string[]): Problem => ({
  code: "name-needed",
  message: `this project has ${names.length} environments: say in which one to run`,
  place: null,
  expected: names.join(", "),
  hint: `for example \`pavlos run ${names[0] ?? "NAME"} -- ls\`; one that is called default needs no name`,
});

const unknownName = (name: string, names: readonly string[]): Problem => ({
  code: "unknown-environment",
  message: `the files name no environment \`${name}\``,
  place: null,
  ...(names.length > 0 ? { expected: names.join(", ") } : {}),
  hint: didYouMean(name, names) ?? "`pavlos config` shows all of them; a command goes behind --",
});
