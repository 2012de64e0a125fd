import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers, singleIdCaller } from "./support/callers.ts";
import { busyboxArchive, busyboxRoot } from "./support/roots.ts";
import { when } from "./support/when.ts";
import { expectCode, type World, world } from "./support/world.ts";

const single = singleIdCaller();

describe.each([...callers(), ...(single ? [single] : [])])("roots as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
  });
  afterEach(() => at.end());

  const inside = (...argv: string[]) => at.pavlos("exec", "api", "--", ...argv);
  const apply = (text: string) => {
    at.write("environments/api.yaml", text);
    return expectCode(at.pavlos("apply", "--yes"), 0);
  };

  it("host: runs the host's programs in the project, with a writable layer of its own", () => {
    apply("rootfs: host\n");
    expect(expectCode(inside("pwd"), 0).stdout.trim()).toBe(at.project);
    expectCode(
      inside("sh", "-c", "echo made >made-inside && echo x >/tmp/x && echo x >/var/tmp/x && echo x >/run/x"),
      0,
    );
    expect(statSync(join(at.project, "made-inside")).uid).toBe(caller.uid);
    expect(existsSync("/run/x")).toBe(false);
    expect(expectCode(inside("id", "-un"), 0).stdout.trim()).toBe(caller.name);
    expectCode(at.pavlos("diff"), 0);
  });

  it("host: hides what belongs to others", () => {
    apply("rootfs: host\n");
    const look = (script: string) =>
      at.pavlos("exec", "api", "--user", "root", "--", "sh", "-c", script).stdout.trim();
    const as = caller.kind === "root" ? look : (script: string) => inside("sh", "-c", script).stdout.trim();
    expect(as("ls -A /root 2>/dev/null")).toBe("");
    expect(
      as("ls /home")
        .split("\n")
        .filter((name) => name !== "" && name !== caller.name),
    ).toEqual([]);
    expect(as("grep -c '[$]' /etc/shadow 2>/dev/null || true")).toMatch(/^0?$/);
    expect(as(`ls -A ${join(at.home, "data")} 2>/dev/null`)).toBe("");
    expect(as("ls /run/docker.sock /run/dbus /run/systemd /run/user/*/bus 2>/dev/null")).toBe("");
  });

  when(caller.kind === "root")("host: a change of the system stays in the environment", () => {
    apply("rootfs: host\n");
    expectCode(inside("sh", "-c", "echo changed >/etc/issue && rm -f /usr/bin/env && mkdir /opt/new"), 0);
    expect(readFileSync("/etc/issue", "utf8")).not.toBe("changed\n");
    expect(existsSync("/usr/bin/env")).toBe(true);
    expect(existsSync("/opt/new")).toBe(false);
  });

  it("path: a directory is a lower layer and stays as it is", () => {
    const root = busyboxRoot(at);
    apply("rootfs: ../root\ncommand: [sleep, '1000']\n");
    expectCode(inside("sh", "-c", "echo x >/etc/new"), 0);
    expect(existsSync(join(root, "etc/new"))).toBe(false);
    expect(expectCode(inside("cat", "/etc/new"), 0).stdout).toBe("x\n");
  });

  it("path: mode direct writes into the directory", () => {
    const root = busyboxRoot(at);
    apply("rootfs: {path: ../root, mode: direct}\ncommand: [sleep, '1000']\n");
    expectCode(inside("sh", "-c", "echo x >/etc/new"), 0);
    expect(readFileSync(join(root, "etc/new"), "utf8")).toBe("x\n");
  });

  it.each([
    ["root.tar", "-a"],
    ["root.tar.gz", "-z"],
    ["root.tar.zst", "--zstd"],
    ["root.tar.xz", "-J"],
  ])("archive: %s is unpacked once and shared", (name, option) => {
    busyboxArchive(at, name, option);
    at.write("environments/other.yaml", `rootfs: ../${name}\ncommand: [sleep, '1000']\n`);
    apply(`rootfs: ../${name}\ncommand: [sleep, '1000']\n`);
    expect(expectCode(inside("cat", "/etc/passwd"), 0).stdout).toContain("root:x:0:0");
    expect(at.command("ls", join(at.home, "data/store/layers")).stdout.trim().split("\n")).toHaveLength(1);
    expectCode(at.pavlos("diff"), 0);
  });

  it("a file made in a bind mount belongs to the caller outside and to me inside", () => {
    busyboxRoot(at);
    at.write("data/outside", "x");
    apply("rootfs: ../root\nuser: me\ncommand: [sleep, '1000']\nmounts: ['../data:/data']\n");
    expectCode(inside("touch", "/data/inside"), 0);
    expect(statSync(join(at.project, "data/inside"))).toMatchObject({ uid: caller.uid, gid: caller.gid });
    expect(inside("stat", "-c", "%u", "/data/outside").stdout.trim()).toBe(inside("id", "-u").stdout.trim());
    expect(inside("id", "-u").stdout.trim()).toBe(String(caller.uid));
  });

  it("mounts: volumes survive destroy of their environment, read-only binds refuse writes, tmpfs has its size", () => {
    busyboxRoot(at);
    at.write("data/outside", "x");
    apply(
      "rootfs: ../root\ncommand: [sleep, '1000']\nmounts: ['../data:/data:ro', 'cache:/cache', {type: tmpfs, target: /scratch, size: 1MiB}]\n",
    );
    expect(inside("touch", "/data/no").code).not.toBe(0);
    expectCode(inside("sh", "-c", "echo kept >/cache/file"), 0);
    expect(inside("dd", "if=/dev/zero", "of=/scratch/big", "bs=65536", "count=64").code).not.toBe(0);
    expectCode(at.pavlos("destroy", "--yes"), 0);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(inside("cat", "/cache/file").stdout).toBe("kept\n");
  });

  it("persist keeps the writable layer over a restart, or starts afresh", () => {
    busyboxRoot(at);
    apply("rootfs: ../root\npersist: false\ncommand: [sleep, '1000']\n");
    expectCode(inside("sh", "-c", "echo x >/etc/new"), 0);
    expectCode(at.pavlos("restart", "api"), 0);
    expect(inside("cat", "/etc/new").code).not.toBe(0);
  });

  it("readonly refuses every write to the root", () => {
    busyboxRoot(at);
    apply("rootfs: ../root\nreadonly: true\ncommand: [sleep, '1000']\n");
    const outcome = inside("sh", "-c", "echo x >/etc/new");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain("Read-only");
    expectCode(inside("sh", "-c", "echo x >/dev/null"), 0);
  });

  it("environment variables come from env files, the file and the caller, in one order", () => {
    busyboxRoot(at);
    at.write("environments/api.env", "A=file\nB=file\n");
    at.write(".env", "FROM_DOTENV=dotenv\n");
    apply(
      "rootfs: ../root\nenvFile: api.env\nenv: {B: inline, C: '${FROM_DOTENV}', D: '${MISSING:-default}'}\ncommand: [sleep, '1000']\n",
    );
    const lines = expectCode(inside("env"), 0).stdout.split("\n");
    for (const line of ["A=file", "B=inline", "C=dotenv", "D=default"]) expect(lines).toContain(line);
  });

  when(caller.kind === "root")("host: works where the host's root is an overlay itself", () => {
    const base = join(at.directory, "overlay");
    const script = [
      `mkdir -p ${base} && mount -t tmpfs tmpfs ${base} && mkdir ${base}/u ${base}/w ${base}/m`,
      `mount -t overlay -o lowerdir=/,upperdir=${base}/u,workdir=${base}/w overlay ${base}/m`,
      `for d in proc sys dev; do mount --rbind /$d ${base}/m/$d; done`,
      `chroot ${base}/m sh -c 'cd ${at.project} && export PAVLOS_HOME=/var/tmp/overlay-home && PAVLOS=$0; $PAVLOS apply --yes && $PAVLOS exec api -- sh -c "echo inside-\\$(pwd)"; code=$?; $PAVLOS destroy --yes; exit $code' "$0"`,
    ].join(" && ");
    at.write("environments/api.yaml", "rootfs: host\n");
    writeFileSync(join(at.directory, "script"), script);
    const pavlos = join(process.env.PAVLOS_E2E_INSTALLATION ?? "", "bin/pavlos");
    const outcome = at.command("unshare", "-m", "--propagation", "private", "sh", "-c", script, pavlos);
    expect(expectCode(outcome, 0).stdout).toContain(`inside-${at.project}`);
  });
});
