import { chmodSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers, singleIdCaller } from "./support/callers.ts";
import { busyboxArchive, busyboxRoot } from "./support/roots.ts";
import { when } from "./support/when.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("what goes wrong on a machine as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const refused = (...args: string[]) => {
    const outcome = expectCode(at.pavlos(...args), 1);
    expect(outcome.stderr).not.toMatch(/\n\s+at .*\(.*:\d+:\d+\)/);
    return outcome.stderr;
  };

  it("a truncated archive is named, nothing enters the store, and the running environment stays", () => {
    at.write("environments/api.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("api");
    const archive = busyboxArchive(at, "root.tar.gz", "-z");
    truncateSync(archive, 100_000);
    at.write("environments/api.yaml", "rootfs: ../root.tar.gz\ncommand: [sleep, '1000']\n");
    expect(refused("apply", "--yes")).toContain("root.tar.gz");
    expect(at.ps("api").pid).toBe(pid);
    const layers = join(at.home, "data/store/layers");
    expect(existsSync(layers) ? readdirSync(layers) : []).toEqual([]);
  });

  it("a wrong digest is refused before anything is unpacked", () => {
    busyboxArchive(at, "root.tar", "-a");
    at.write("environments/api.yaml", `rootfs: {archive: ../root.tar, sha256: "${"0".repeat(64)}"}\n`);
    const message = refused("apply", "--yes");
    expect(message).toContain("0".repeat(64));
    expect(message).toMatch(/sha256/);
    expect(existsSync(join(at.home, "data/store/layers", `archive-${"0".repeat(64)}`))).toBe(false);
  });

  it("something that is no archive is called so", () => {
    at.write("root.tar", "this is no archive at all\n".repeat(100));
    at.write("environments/api.yaml", "rootfs: ../root.tar\n");
    expect(refused("apply", "--yes")).toContain("root.tar");
  });

  it("a half-written record is reported with its next step, which works", () => {
    at.write("environments/api.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    const [project = ""] = readdirSync(join(at.home, "data/environments"));
    const record = join(at.home, "data/environments", project, "api/record.json");
    writeFileSync(record, readFileSync(record, "utf8").slice(0, 40));
    expect(refused("apply", "--yes")).toContain("half-written");
    expectCode(at.pavlos("destroy", "api", "--yes"), 0);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("diff"), 0);
    expect(at.ps("api").status).toBe("running");
  });

  it("a command that does not exist inside is an error with the path that was searched", () => {
    at.write("environments/api.yaml", "rootfs: ../root\ncommand: [no-such-command]\n");
    const message = refused("apply", "--yes");
    expect(message).toContain("no-such-command");
    expect(message).toContain("environments/api.yaml:2:");
  });

  it("a hook that fails shows its last lines", () => {
    at.write(
      "environments/api.yaml",
      "rootfs: ../root\nhooks: {created: ['echo broken-hook >&2; exit 3']}\n",
    );
    const message = refused("apply", "--yes");
    expect(message).toContain("broken-hook");
    expect(message).toContain("3");
  });

  when(caller.kind === "root")("a full disk leaves the environment as it was, and destroy makes room", () => {
    at.write("environments/api.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
    busyboxArchive(at, "root.tar", "-a");
    const script = `mount -t tmpfs -o size=600k tmpfs ${at.home} && "$0" apply --yes; echo first=$?; cp root.tar.yaml environments/api.yaml; "$0" apply --yes; echo second=$?; "$0" ps; cat /dev/zero > ${at.home}/filler; echo 'hostname: other' >> environments/api.yaml; "$0" apply --yes; echo third=$?; "$0" ps; "$0" destroy --yes; echo fourth=$?; ls ${at.home}/data/environments ${at.home}/run/containers; umount ${at.home}`;
    at.write("root.tar.yaml", "rootfs: ../root.tar\ncommand: [sleep, '1000']\n");
    const pavlos = join(process.env.PAVLOS_E2E_INSTALLATION ?? "", "bin/pavlos");
    const outcome = at.command("unshare", "-m", "--propagation", "private", "sh", "-c", script, pavlos);
    expect(outcome.stdout).toContain("first=0");
    expect(outcome.stdout).toContain("second=1");
    expect(outcome.stderr).toMatch(/[Nn]o space left/);
    expect(outcome.stdout).toMatch(/api\s+running[\s\S]*third=1[\s\S]*api\s+running[\s\S]*fourth=0/);
    expect(outcome.stderr).not.toContain("unexpected");
  });

  when(caller.kind !== "root")("a directory that may not be entered is named with its next step", () => {
    at.write("environments/api.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
    chmodSync(at.home, 0o500);
    try {
      expect(refused("apply", "--yes")).toContain(at.home);
    } finally {
      chmodSync(at.home, 0o700);
    }
  });
});

const single = singleIdCaller();
describe.each(single ? [single] : [])("$kind", (caller) => {
  it("is told how to get them when another user is asked for", () => {
    const at = world(caller);
    try {
      busyboxRoot(at);
      at.write("environments/api.yaml", "rootfs: ../root\nuser: nobody\n");
      const outcome = expectCode(at.pavlos("apply", "--yes"), 1);
      expect(outcome.stderr).toContain("usermod --add-subuids");
      expect(outcome.stderr).toContain("environments/api.yaml:2:");
    } finally {
      at.end();
    }
  });
});

describe.each(callers())("two projects as $kind", (caller) => {
  it("never touch each other, even with the same names", () => {
    const one = world(caller);
    const two = world(caller);
    const shared = { PAVLOS_HOME: one.home };
    try {
      for (const at of [one, two]) {
        busyboxRoot(at);
        at.write("environments/api.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
        expectCode(at.pavlosWith({ env: shared }, "apply", "--yes"), 0);
      }
      expectCode(two.pavlosWith({ env: shared }, "destroy", "--yes"), 0);
      expect(one.ps("api").status).toBe("running");
    } finally {
      one.end();
      two.end();
    }
  });

  it("applies of one project at the same time converge", async () => {
    const at = world(caller);
    try {
      busyboxRoot(at);
      for (let n = 0; n < 4; n++)
        at.write(`environments/e${n}.yaml`, "rootfs: ../root\ncommand: [sleep, '1000']\n");
      const codes = await Promise.all(
        [1, 2, 3].map(() => {
          const child = at.spawn("apply", "--yes");
          child.stdout?.resume();
          child.stderr?.resume();
          return new Promise<number | null>((resolve) => child.on("exit", resolve));
        }),
      );
      expect(codes).toEqual([0, 0, 0]);
      expectCode(at.pavlos("diff"), 0);
      expect(readdirSync(join(at.home, "run/containers"))).toHaveLength(4);
    } finally {
      at.end();
    }
  });
});
