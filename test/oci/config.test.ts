import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/model/environment.ts";
import type { HostFacts } from "../../src/model/host.ts";
import { allCapabilities, boundingSet } from "../../src/oci/capabilities.ts";
import { configOf } from "../../src/oci/config.ts";
import { identityOf } from "../../src/oci/identity.ts";
import type { Contribution } from "../../src/providers/provider.ts";
import { host, me } from "../providers/support.ts";
import { environment } from "../reconcile/support/environments.ts";

function config(
  changes: Partial<Environment> = {},
  machine: HostFacts = host(),
  ...contributions: Contribution[]
) {
  const spec = environment("web", changes);
  const identity = identityOf(spec, machine);
  if (!identity.ok) throw new Error(identity.failure.message);
  return configOf({
    environment: spec,
    identity: identity.value,
    host: machine,
    contributions,
    containerId: "demo-web",
    capabilities: allCapabilities,
    seccomp: null,
    term: "xterm",
  });
}

const security = environment("web").security;
const isolation = environment("web").isolation;
const mountAt = (destination: string, made: ReturnType<typeof config>) =>
  made.mounts.find((mount) => mount.destination === destination);

describe("the bounding set", () => {
  it("is read bit by bit", () => {
    expect(boundingSet("Name:\tx\nCapBnd:\t0000000000200003\n")).toEqual([
      "CHOWN",
      "DAC_OVERRIDE",
      "SYS_ADMIN",
    ]);
    expect(boundingSet("CapBnd:\t000001ffffffffff\n")).toEqual(allCapabilities);
    expect(boundingSet("")).toEqual([]);
  });
});

describe("config.json", () => {
  it("joins variables in one order: defaults, providers, the file", () => {
    const { process } = config({ env: { A: "file", PATH: "/mine" } }, host(), {
      env: { A: "provider", B: "provider" },
    });
    expect(process.env).toContain("A=file");
    expect(process.env).toContain("B=provider");
    expect(process.env).toContain("PATH=/mine");
    expect(process.env).toContain("PAVLOS_ENVIRONMENT=web");
    expect(process.env.filter((variable) => variable.startsWith("PATH="))).toHaveLength(1);
  });

  it("gives me a home, and nobody else", () => {
    expect(config({}, host(me)).process.env).toContain("HOME=/home/me");
    expect(config({ user: "root" }, host(me)).process.env.join()).not.toContain("HOME=");
    expect(config({}, host(me)).annotations).toHaveProperty("io.pavlos.account");
  });

  it("idles without a command and says so", () => {
    expect(config().annotations).toMatchObject({ "io.pavlos.init": "true", "io.pavlos.idle": "true" });
    expect(config({ command: ["a"], init: false }).annotations).toEqual({});
  });

  it("gives root few capabilities, other users none, and added ones to whoever runs", () => {
    expect(config().process.capabilities?.effective).not.toContain("CAP_NET_RAW");
    expect(config().process.capabilities?.effective).toContain("CAP_CHOWN");
    expect(config({}, host(me)).process.capabilities?.effective).toEqual([]);
    const added = { ...security, capabilities: { add: ["NET_ADMIN"], drop: ["CHOWN"] } };
    const mine = config({ security: added }, host(me)).process.capabilities;
    expect(mine?.ambient).toEqual(["CAP_NET_ADMIN"]);
    expect(mine?.bounding).not.toContain("CAP_CHOWN");
    expect(
      config({ security: { ...security, capabilities: { add: [], drop: ["ALL"] } } }).process.capabilities
        ?.bounding,
    ).toEqual([]);
  });

  it("hides and protects parts of /proc unless that is switched off, and hidden paths always", () => {
    const hidden = { maskedPaths: ["/etc/secret"] };
    expect(config({}, host(), hidden).linux.maskedPaths).toContain("/proc/kcore");
    expect(config({ security: { ...security, masks: false } }, host(), hidden).linux).toMatchObject({
      maskedPaths: ["/etc/secret"],
      readonlyPaths: [],
    });
  });

  it("is privileged only when asked: all capabilities, all devices, no masks", () => {
    const made = config({ security: { ...security, privileged: true } });
    expect(made.process.capabilities?.effective).toContain("CAP_SYS_ADMIN");
    expect(made.process.noNewPrivileges).toBe(false);
    expect(made.linux.resources?.devices).toEqual([{ allow: true, type: "a", access: "rwm" }]);
    expect(made.linux.maskedPaths).toEqual([]);
  });

  it("binds the host's /sys where a user namespace shares the host's network", () => {
    expect(mountAt("/sys", config({}, host(me)))?.options).toContain("rro");
    expect(mountAt("/sys", config())?.type).toBe("sysfs");
    expect(mountAt("/sys", config({}, host(me), { namespaces: [{ type: "network" }] }))?.type).toBe("sysfs");
  });

  it("gives terminals to the group tty where that is mapped", () => {
    expect(mountAt("/dev/pts", config({}, host(me)))?.options).toContain("gid=5");
    const alone = host({ ...me, subuids: [], subgids: [] });
    expect(mountAt("/dev/pts", config({}, alone))?.options).not.toContain("gid=5");
  });

  it("makes exactly the namespaces that are asked for", () => {
    const none = { pid: false, uts: false, ipc: false, cgroup: false, user: "auto", time: false } as const;
    expect(config({ isolation: none }).linux.namespaces).toEqual([{ type: "mount" }]);
    expect(config({ isolation: none }).hostname).toBeUndefined();
    expect(config({ isolation: { ...isolation, time: true } }).linux.namespaces).toContainEqual({
      type: "time",
    });
  });

  it("works where the file says, else where a provider does, else at home", () => {
    expect(config({ workdir: "/a" }, host(), { workdir: "/b" }).process.cwd).toBe("/a");
    expect(config({}, host(), { workdir: "/b" }).process.cwd).toBe("/b");
    expect(config({}, host(me)).process.cwd).toBe("/home/me");
    expect(config().process.cwd).toBe("/");
  });

  it("puts the root first, then what every container has, then the rest", () => {
    const mounts = [{ destination: "/data" }, { destination: "/" }];
    const order = config({}, host(), { mounts }).mounts.map((mount) => mount.destination);
    expect(order[0]).toBe("/");
    expect(order.at(-1)).toBe("/data");
  });
});
