import * as z from "zod";
import { devices, gpus } from "./schema/gpus.ts";
import { dependsOn, health, restart } from "./schema/life.ts";
import { mounts } from "./schema/mounts.ts";
import { network } from "./schema/network.ts";
import { hooks, isolation, secrets, security, stop, user } from "./schema/process.ts";
import { resources } from "./schema/resources.ts";
import { rootfs } from "./schema/rootfs.ts";
import { command, field, flag, labels, oneOrMore, path, variables } from "./schema/values.ts";
import { watch } from "./schema/watch.ts";

export const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const expectedName = "lower-case letters, digits and -, at most 63, the first no -";
const hostname = "letters, digits, - and ., at most 64";

/**
 * The file format: the one owner of names, types, descriptions and impacts. From it come the
 * editors' schema, the types of `defineConfig`, the reference in docs/ and what a change costs.
 * Each field is a function that makes its type: making all of them takes longer than a plan that
 * uses a few.
 */
const fields = {
  name: () =>
    field(
      z.string({ error: expectedName }).regex(namePattern, { error: expectedName }),
      "recreate",
      "Name of the environment, unique in the project: lower-case letters, digits and -. Default: the file's name.",
    ),
  extends: () =>
    field(
      oneOrMore("a file, or a list of files"),
      null,
      "File or files that this one builds upon, relative to this file; maps are merged, lists replaced, an empty value removes.",
    ),
  profiles: () =>
    field(
      z.array(path("a name"), { error: "a list of names" }),
      "record",
      "The environment takes part only with --profile and one of these names. Default: always.",
    ),
  labels: () => field(labels, "record", "Free texts by name, for other tools. Default: none."),
  rootfs: () =>
    field(
      rootfs(),
      "recreate",
      "What its files are: host (the machine's own, protected by a layer), a directory or an archive. Default host.",
    ),
  readonly: () =>
    field(flag, "restart", "The root cannot be written; there is no writable layer. Default false."),
  persist: () =>
    field(
      flag,
      "record",
      "Whether what is written in the root survives restarts; false: fresh at each start. Default true.",
    ),
  command: () =>
    field(
      command,
      "restart",
      "Main process: a list, or a text for /bin/sh -c. Default: an idle init to enter with shell and exec.",
    ),
  workdir: () =>
    field(
      path("an absolute path inside"),
      "restart",
      "Working directory inside. Default: the project on the host's root, else the home or /.",
    ),
  user: () =>
    field(
      user(),
      "restart",
      "me (the caller's id, name and home), root, uid[:gid] or name[:group]. Default: me for ordinary users, else root.",
    ),
  env: () => field(variables, "live", "Environment variables; they win over envFile. Default: none."),
  envFile: () =>
    field(
      oneOrMore("a file, or a list of files"),
      "live",
      "Files of NAME=value lines, relative to this file; later ones win.",
    ),
  secrets: () =>
    field(
      secrets(),
      "restart",
      "Variables given at start and never stored: {NAME: {env: CALLERS_NAME}} or {NAME: {file: path}}. Default: none.",
    ),
  hostname: () =>
    field(
      z
        .string({ error: hostname })
        .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/, { error: hostname }),
      "live",
      "Host name inside. Default: the environment's name.",
    ),
  init: () =>
    field(flag, "restart", "A small init is process 1; it passes on signals and reaps. Default true."),
  tty: () => field(flag, "restart", "The command gets a terminal. Default false."),
  stop: () => field(stop(), "live", "How the command is stopped."),
  restart: () =>
    field(
      restart(),
      "live",
      "What follows when the command ends by itself: never, on-failure, always, or {policy, max, backoff}. Default never.",
    ),
  health: () =>
    field(
      health(),
      "live",
      "How Pavlos knows that it does its work; `none`: it does not look. Default: as the image says, else none.",
    ),
  dependsOn: () =>
    field(
      dependsOn(),
      "record",
      "Environments that come first: a list, or {other: started, healthy or completed}. Default: none.",
    ),
  isolation: () => field(isolation(), "restart", "What it has of its own instead of the machine's."),
  mounts: () =>
    field(mounts(), "live", 'Paths, volumes and memory inside: "source:target[:ro]" or maps. Default: none.'),
  network: () =>
    field(
      network(),
      "restart",
      "host (the machine's network), none (a loopback of its own), or a map: an own address on networks of the project. Default host.",
    ),
  gpus: () =>
    field(
      gpus(),
      "live",
      "GPUs: all, a count, a list of indexes, UUIDs, PCI addresses or MIG names, or a map. Default: none.",
    ),
  devices: () =>
    field(
      devices(),
      "live",
      "Device nodes of the host (/dev/kvm, source:target:access) and CDI names (vendor.com/class=name). Default: none.",
    ),
  resources: () => field(resources(), "live", "Limits of processors, memory, processes and disks."),
  security: () => field(security(), "restart", "Privileges and filters."),
  hooks: () => field(hooks(), "live", "Commands run inside at certain moments."),
  watch: () => field(watch(), "record", "What `pavlos watch` does when files change. Default: nothing."),
};

type Fields = typeof fields;
type Whole = z.ZodObject<{ readonly [Name in keyof Fields]: ReturnType<Fields[Name]> }, z.core.$strict>;

/** An environment as it is written, checked, not yet resolved. */
export type EnvironmentInput = z.input<Whole>;

/** The type of the whole format. */
export const environmentSchema = (): Whole => schemaFor(Object.keys(fields)) as unknown as Whole;

/** The type of a map with these keys: as strict as the whole, of no more fields than are written. */
export function schemaFor(keys: Iterable<string>): z.ZodType<EnvironmentInput> {
  const written = new Set(keys);
  const names = Object.keys(fields).filter((name) => written.has(name)) as (keyof Fields)[];
  const id = names.join();
  const made =
    schemas.get(id) ??
    z.strictObject(Object.fromEntries(names.map((name) => [name, typeOf(name)])), {
      error: "a map of fields such as rootfs: host",
    });
  schemas.set(id, made);
  return made;
}

const schemas = new Map<string, z.ZodType<EnvironmentInput>>();
const types = new Map<string, z.ZodType>();

function typeOf(name: keyof Fields): z.ZodType {
  const made = types.get(name) ?? fields[name]();
  types.set(name, made);
  return made;
}
