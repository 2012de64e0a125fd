import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { projects } from "./support/leftovers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

interface Found {
  readonly action: string;
  readonly drift: boolean;
  readonly reason?: string | null;
  readonly fields: readonly { readonly path: string; readonly live?: unknown; readonly reason: string }[];
}

/** A change by somebody else: how it is made, what diff has to say of it, and what the repair costs. */
interface Kind {
  readonly title: string;
  readonly change: (pid: number) => void;
  /** By path: the live value. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** What a person reads of it. */
  readonly said: RegExp;
  readonly repair: "live" | "restart";
}

/** What the bundle of the test lacks, and what it is started with from a bundle that somebody has edited. */
interface Bundle {
  readonly process: {
    noNewPrivileges?: boolean;
    readonly capabilities: Record<string, string[] | undefined>;
  };
  readonly linux: {
    seccomp?: unknown;
    readonly namespaces: { type: string }[];
    uidMappings?: { containerID: number; hostID: number; size: number }[];
  };
}

describe.each(callers())("drift as $kind", (caller) => {
  const isRoot = caller.uid === 0;
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const apply = () => expectCode(at.pavlos("apply", "--yes"), 0);
  const pidOf = () => at.ps("api").pid ?? 0;
  const changes = (): readonly Found[] => {
    const { stdout } = at.pavlos("diff", "--json");
    const { changes: found } = JSON.parse(stdout) as { changes?: Found[] };
    if (found === undefined) throw new Error(stdout);
    return found;
  };
  const bundle = () =>
    join(at.home, "data/environments", projects(at.directory)[0] ?? "", "api/bundle/config.json");
  /** Runs a program in namespaces of a process: what somebody outside of Pavlos may do. */
  const enter = (pid: number, ...args: string[]) =>
    void expectCode(at.command("nsenter", "-t", String(pid), ...(isRoot ? [] : ["-U"]), ...args), 0);
  const inside = (pid: number, ...args: string[]) => enter(pid, "-m", "-p", "/bin/busybox", ...args);

  const everybody: readonly Kind[] = [
    {
      title: "a host name",
      change: (pid) => enter(pid, "-u", "hostname", "stranger"),
      fields: { hostname: "stranger" },
      said: /hostname +live stranger, wanted api .*# changed outside Pavlos/,
      repair: "live",
    },
    {
      title: "an unmounted mount",
      change: (pid) => inside(pid, "umount", "/vol"),
      fields: { "mounts[0]": null },
      said: /mounts\[0\] .*# unmounted outside Pavlos/,
      repair: "live",
    },
    {
      title: "a mount made writable",
      change: (pid) => inside(pid, "mount", "-o", "remount,rw,bind,nosuid,nodev", "/ro"),
      fields: { "mounts[1]": { readonly: false } },
      said: /mounts\[1\] .*# mounted anew outside Pavlos/,
      repair: "live",
    },
    {
      title: "something mounted over a mount",
      change: (pid) => inside(pid, "mount", "-t", "tmpfs", "stranger", "/vol"),
      fields: { "mounts[0]": "tmpfs stranger" },
      said: /mounts\[0\] +live tmpfs stranger, .*# something was mounted over it outside Pavlos/,
      repair: "live",
    },
    {
      title: "a removed device",
      change: (pid) => inside(pid, isRoot ? "rm" : "umount", "/dev/strange"),
      fields: { devices: null },
      said: /devices .*# \/dev\/strange (was removed|is another file) inside/,
      // Without root a node is mounted: what is under it is somebody's file.
      repair: isRoot ? "live" : "restart",
    },
    {
      title: "a killed command",
      change: (pid) => process.kill(pid, "SIGKILL"),
      said: /api +restart \(drift\) +# was killed by signal 9/,
      repair: "restart",
    },
    {
      title: "a killed supervisor",
      change: (pid) => process.kill(parentOf(pid), "SIGKILL"),
      said: /api +restart \(drift\) +# its supervisor died/,
      repair: "restart",
    },
  ];

  /** The files of both versions of cgroups: what is there is written to. */
  const limit = (title: string, files: Readonly<Record<string, string>>, live: unknown): Kind => ({
    title,
    change: (pid) => {
      const found = Object.entries(files).find(([file]) => cgroupFile(pid, file) !== null);
      if (found === undefined) throw new Error(`no ${Object.keys(files).join(" or ")}`);
      writeFileSync(cgroupFile(pid, found[0]) ?? "", found[1]);
    },
    fields: { [`resources.${title}`]: live },
    said: new RegExp(`resources.${title} +live .*, wanted .*# changed outside Pavlos`),
    repair: "live",
  });

  const rootOnly: readonly Kind[] = [
    limit("memory", { "memory.max": "67108864", "memory/memory.limit_in_bytes": "67108864" }, 64 * 1024 ** 2),
    limit("pids", { "pids.max": "77", "pids/pids.max": "77" }, 77),
    limit("cpus", { "cpu.max": "20000 100000", "cpu/cpu.cfs_quota_us": "20000" }, 0.2),
    limit("cpuWeight", { "cpu.weight": "300", "cpu/cpu.shares": "3072" }, 300),
    limit("cpuset", { "cpuset.cpus": "0-1", "cpuset/cpuset.cpus": "0-1" }, "0-1"),
    {
      title: "oomScore",
      change: (pid) => writeFileSync(`/proc/${pid}/oom_score_adj`, "700"),
      fields: { "resources.oomScore": 700 },
      said: /resources.oomScore +live 700, wanted 100 .*# changed outside Pavlos/,
      repair: "live",
    },
  ];

  const file = `hostname: api
rootfs: ../root
command: sleep 1000
mounts: ['vol:/vol', 'ro:/ro:ro']
devices: ['/dev/random:/dev/strange']
stop: {timeout: 0s}
${isRoot ? "resources: {memory: 256MiB, pids: 100, cpus: 0.5, cpuWeight: 200, cpuset: '0', oomScore: 100}\n" : ""}`;

  it("each kind is seen with its live value, explained, and repaired", { timeout: 240_000 }, () => {
    at.write("environments/api.yaml", file);
    apply();
    for (const kind of isRoot ? [...everybody, ...rootOnly] : everybody) {
      const pid = pidOf();
      kind.change(pid);
      const found = waitForChange(kind.title);
      expect({ title: kind.title, action: found.action, drift: found.drift }).toEqual({
        title: kind.title,
        action: kind.repair,
        drift: true,
      });
      const live = Object.fromEntries(found.fields.map((field) => [field.path, field.live]));
      if (kind.fields !== undefined) expect(live).toMatchObject(kind.fields);
      expect(Object.keys(live)).toEqual(Object.keys(kind.fields ?? {}));
      expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(kind.said);
      const { stderr } = apply();
      expect(`${kind.title}: ${at.pavlos("diff").stdout}`).toContain("Nothing to do");
      const cost = pidOf() === pid ? "live" : "restart";
      expect(`${kind.title}: ${cost} ${cost === kind.repair ? "" : stderr}`).toBe(
        `${kind.title}: ${kind.repair} `,
      );
    }
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "touch /vol/x && test -c /dev/strange"), 0);
    expect(at.pavlos("exec", "api", "--", "touch", "/ro/x").code).not.toBe(0);
  });

  it("a command that was started again from an edited bundle has another isolation", () => {
    at.write(
      "environments/api.yaml",
      `rootfs: ../root\ncommand: sleep 1000\nrestart: {backoff: 10ms, policy: always}\n`,
    );
    apply();
    const config = JSON.parse(readFileSync(bundle(), "utf8")) as Bundle;
    delete config.linux.seccomp;
    config.process.noNewPrivileges = false;
    for (const list of Object.values(config.process.capabilities)) list?.push("CAP_SYS_BOOT");
    config.linux.namespaces.push({ type: "time" });
    const ids = config.linux.uidMappings?.pop();
    if (ids !== undefined) config.linux.uidMappings?.push({ ...ids, size: ids.size - 1 });
    writeFileSync(bundle(), JSON.stringify(config));
    const pid = pidOf();
    process.kill(pid, "SIGKILL");
    waitFor(() => String(pidOf() > 0 && pidOf() !== pid), /true/);
    const live = Object.fromEntries(changes()[0]?.fields.map((field) => [field.path, field.live]) ?? []);
    expect(live).toMatchObject({
      "isolation.time": true,
      "security.seccomp": "unconfined",
      "security.noNewPrivileges": false,
      "security.capabilities.add": ["SYS_BOOT"],
      ...(isRoot ? {} : { "isolation.user": expect.stringContaining("; ") }),
    });
    expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(
      /security.seccomp +live unconfined, .*# its process is not as it was started/,
    );
    apply();
    expectCode(at.pavlos("diff"), 0);
  });

  /** Ends take a moment to be known. */
  const waitForChange = (title: string): Found => {
    waitFor(() => `${changes()[0]?.action} ${changes()[0]?.reason}`, /^(?!undefined)/);
    const [found] = changes();
    if (found === undefined) throw new Error(`${title} is not seen`);
    return found;
  };
});

const parentOf = (pid: number): number =>
  Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** "memory.max" of version 2, "memory/memory.limit_in_bytes" of version 1; null: there is no such file. */
function cgroupFile(pid: number, file: string): string | null {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const [controller = "", name] = file.split("/");
  const line = lines.find((one) =>
    name === undefined ? one.startsWith("0::") : one.split(":")[1]?.split(",").includes(controller),
  );
  const directory = line?.split(":").slice(2).join(":");
  if (directory === undefined) return null;
  const path =
    name === undefined
      ? `/sys/fs/cgroup${directory}/${file}`
      : `/sys/fs/cgroup/${controller}${directory}/${name}`;
  return existsSync(path) ? path : null;
}
