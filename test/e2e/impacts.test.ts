import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { impactTable } from "../../src/config/impacts.gen.ts";
import { callers } from "./support/callers.ts";
import { projects } from "./support/leftovers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** How one field changes: what the file says of it before and after. */
interface Row {
  readonly before: string;
  readonly after: string;
  /** What else the file says. */
  readonly beside?: string;
  /** Where it is something else than the schema declares. */
  readonly impact?: "record" | "live" | "restart" | "recreate";
  /** How the diff calls it when that is not the field itself or below it. */
  readonly shown?: string;
}

const sleeping = "command: [sleep, '1000']";
const isTrue = "command: 'true'";
const health = (text: string): Row => ({ before: `health: {${isTrue}}`, after: `health: {${text}}` });
const resource = (before: string, after: string): Row => ({
  before: `resources: {${before}}`,
  after: `resources: {${after}}`,
});
const flip = (section: string, field: string, before: string, after: string): Row => ({
  before: `${section}: {${field}: ${before}}`,
  after: `${section}: {${field}: ${after}}`,
  beside: sleeping,
});
const network = (before: string, after: string): Row => ({
  before: `network: {${before}}`,
  after: `network: {${after}}`,
});

/** By field: all of the schema must be here. Several rows for one field have a word behind it. */
const rows: Readonly<Record<string, Row>> = {
  profiles: { before: "profiles: [x]", after: "profiles: [x, y]" },
  labels: { before: "labels: {a: 1}", after: "labels: {a: 2}" },
  rootfs: { before: "rootfs: ../root", after: "rootfs: ../other" },
  readonly: { before: "readonly: false", after: "readonly: true", beside: sleeping },
  persist: { before: "persist: true", after: "persist: false" },
  command: { before: sleeping, after: "command: [sleep, '2000']" },
  workdir: { before: "workdir: /", after: "workdir: /tmp", beside: sleeping },
  user: { before: "user: root", after: "user: 0:0", beside: sleeping },
  env: { before: "env: {A: 1}", after: "env: {A: 2}" },
  "env of-a-command": { before: "env: {A: 1}", after: "env: {A: 2}", beside: sleeping, impact: "restart" },
  envFile: { before: "envFile: one.env", after: "envFile: two.env", shown: "env" },
  secrets: { before: "secrets: {T: {file: one.env}}", after: "secrets: {T: {file: two.env}}" },
  hostname: { before: "hostname: one", after: "hostname: two" },
  init: { before: "init: true", after: "init: false", beside: sleeping },
  tty: { before: "tty: false", after: "tty: true", beside: sleeping },
  "stop.signal": { before: "stop: {signal: TERM}", after: "stop: {signal: INT}" },
  "stop.timeout": { before: "stop: {timeout: 1s}", after: "stop: {timeout: 2s}" },
  restart: { before: "restart: never", after: "restart: always" },
  health: { before: "", after: `health: {${isTrue}}` },
  "health.command": { ...health("command: 'true && true'"), shown: "health.check" },
  "health.http": { ...health("http: 1"), shown: "health.check" },
  "health.tcp": { ...health("tcp: 1"), shown: "health.check" },
  "health.interval": health(`${isTrue}, interval: 20s`),
  "health.timeout": health(`${isTrue}, timeout: 4s`),
  "health.retries": health(`${isTrue}, retries: 4`),
  "health.startPeriod": health(`${isTrue}, startPeriod: 40s`),
  dependsOn: { before: "", after: "dependsOn: {labels: started}" },
  "isolation.pid": flip("isolation", "pid", "true", "false"),
  "isolation.uts": flip("isolation", "uts", "true", "false"),
  "isolation.ipc": flip("isolation", "ipc", "true", "false"),
  "isolation.cgroup": flip("isolation", "cgroup", "true", "false"),
  "isolation.user": flip("isolation", "user", "auto", "true"),
  "isolation.time": flip("isolation", "time", "false", "true"),
  mounts: { before: "mounts: ['one:/one', 'two:/two']", after: "mounts: ['one:/one:ro', 'three:/three']" },
  network: { before: "network: host", after: "network: none", beside: sleeping },
  "network.networks": network("networks: [default]", "networks: [other]"),
  "network.ip": network("networks: [default]", "networks: [default], ip: 10.89.77.9"),
  "network.ports": network("networks: [default]", "ports: ['auto:80']"),
  "network.aliases": network("networks: [default]", "aliases: [also]"),
  "network.dns": network("networks: [default]", "dns: [10.0.0.1]"),
  "network.hosts": network("networks: [default]", "hosts: {there: 10.0.0.1}"),
  "resources.cpus": resource("cpus: 0.5", "cpus: 1"),
  "resources.cpuset": resource("cpuset: 0", ""),
  "resources.cpuWeight": resource("cpuWeight: 100", "cpuWeight: 200"),
  "resources.memory": resource("memory: 64MiB", "memory: 128MiB"),
  "resources.swap": resource("memory: 64MiB, swap: 0", "memory: 64MiB, swap: 64MiB"),
  "resources.pids": resource("pids: 50", "pids: 60"),
  "resources.io": resource("io: {weight: 100}", "io: {weight: 200}"),
  "resources.shm": { ...resource("shm: 64MiB", "shm: 32MiB"), beside: sleeping },
  "resources.ulimits": { ...resource("ulimits: {nofile: 1024}", "ulimits: {nofile: 512}"), beside: sleeping },
  "resources.oomScore": resource("oomScore: 100", "oomScore: 200"),
  "security.capabilities": {
    ...flip("security", "capabilities", "{drop: []}", "{drop: [CHOWN]}"),
  },
  "security.seccomp": flip("security", "seccomp", "default", "unconfined"),
  "security.noNewPrivileges": flip("security", "noNewPrivileges", "true", "false"),
  "security.masks": flip("security", "masks", "true", "false"),
  "security.privileged": flip("security", "privileged", "false", "true"),
  "hooks.created": { before: "", after: "hooks: {created: ['true']}" },
  "hooks.started": { before: "", after: "hooks: {started: ['true']}" },
  "hooks.stopping": { before: "", after: "hooks: {stopping: ['true']}" },
  watch: { before: "", after: "watch: [{path: ., action: restart}]" },
};

/** Fields that have no environment of their own here, and the test that changes them. */
const elsewhere: Readonly<Record<string, string>> = {
  name: "lifecycle.test.ts: another name is another environment",
  "rootfs.pull": "images.test.ts: there are no images without a registry",
  "rootfs.insecure": "images.test.ts",
  "rootfs.from.pull": "images.test.ts",
  "rootfs.from.insecure": "images.test.ts",
  gpus: "gpus.test.ts: the machine of this test has none",
  devices: "gpus.test.ts",
};

interface FoundChange {
  readonly environment: string;
  readonly action: string;
  readonly fields: readonly { readonly path: string; readonly impact: string }[];
}

const nameOf = (key: string): string => key.toLowerCase().replaceAll(/[^a-z]+/g, "-");
const fieldOf = (key: string): string => key.split(" ")[0] ?? key;
/** Without sections, whose fields have rows of their own. */
const leaves = Object.keys(impactTable).filter(
  (path) => path === "health" || !Object.keys(impactTable).some((other) => other.startsWith(`${path}.`)),
);

it("every field of the schema has a row", () => {
  const known = new Set([...Object.keys(rows).map(fieldOf), ...Object.keys(elsewhere)]);
  // The parts of these are values of one field.
  expect(leaves.filter((path) => !known.has(path) && !path.startsWith("restart."))).toEqual([]);
});

// One caller is enough: what a change costs does not depend on who asks.
describe.each(callers().slice(0, 1))("a change of a field as $kind", (caller) => {
  let at: World;
  const seen = {
    announced: new Map<string, FoundChange>(),
    before: new Map<string, Look>(),
    after: new Map<string, Look>(),
    left: "",
  };
  beforeAll(() => {
    at = world(caller);
    busyboxRoot(at);
    busyboxRoot(at, "other");
    at.write(
      "pavlos.config.ts",
      'export default { include: ["environments/*.yaml"], networks: { other: {} } };\n',
    );
    for (const name of ["one", "two"]) at.write(`environments/${name}.env`, `B=${name}\n`);
    writeAll("before");
    expectCode(at.pavlos("apply", "--yes", "--quiet", "--profile", "x"), 0);
    seen.before = look();
    writeAll("after");
    const diff = JSON.parse(expectCode(at.pavlos("diff", "--json", "--profile", "x"), 2).stdout) as {
      changes: readonly FoundChange[];
    };
    seen.announced = new Map(diff.changes.map((change) => [change.environment, change]));
    expectCode(at.pavlos("apply", "--yes", "--quiet", "--profile", "x"), 0);
    seen.after = look();
    seen.left = at.pavlos("diff", "--profile", "x").stdout;
  }, 200_000);
  afterAll(() => at.end());

  const writeAll = (side: "before" | "after") => {
    for (const [key, row] of Object.entries(rows)) {
      const rootfs = fieldOf(key) === "rootfs" ? "" : "rootfs: ../root\n";
      const text = `${rootfs}${row.beside ?? ""}\n${row[side]}\n`;
      at.write(`environments/${nameOf(key)}.yaml`, text);
    }
  };

  interface Look {
    readonly pid: number | null;
    /** Of the directory that holds its writable layers. */
    readonly layer: number;
  }

  const look = (): Map<string, Look> => {
    const list = JSON.parse(expectCode(at.pavlos("ps", "--json"), 0).stdout) as readonly {
      name: string;
      pid: number | null;
    }[];
    const data = join(at.home, "data/environments", projects(at.directory)[0] ?? "");
    const layer = (name: string): number =>
      statSync(join(data, name, "upper"), { throwIfNoEntry: false })?.ino ?? 0;
    return new Map(list.map(({ name, pid }) => [name, { pid, layer: layer(name) }]));
  };

  it.each(Object.keys(rows))("%s costs what the schema declares, and diff said so", (key) => {
    const [row, name, field] = [rows[key], nameOf(key), fieldOf(key)];
    const impact = row?.impact ?? impactTable[field];
    const change = seen.announced.get(name);
    expect(change?.action).toBe(impact);
    const shown = row?.shown ?? field;
    const paths = change?.fields.map(({ path }) => path) ?? [];
    expect(paths.filter((path) => path.startsWith(shown) || shown.startsWith(path))).not.toEqual([]);
    const [before, after] = [seen.before.get(name), seen.after.get(name)];
    expect(before?.pid).toBeTypeOf("number");
    expect(after?.pid === before?.pid).toBe(impact === "record" || impact === "live");
    if (field !== "readonly") expect(after?.layer === before?.layer).toBe(impact !== "recreate");
  });

  it("leaves nothing to do", () => {
    expect(seen.left).toContain("Nothing to do");
  });
});
