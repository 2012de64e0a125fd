import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callers, installation } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

const epoch = { SOURCE_DATE_EPOCH: "1000000000" };

const image = `rootfs:
  from: {bootstrap: busybox}
  steps:
    - run: mkdir -p /data/old /data/opaque; echo old > /data/old/gone; echo under > /data/opaque/hidden; echo kept > /data/kept
    - run: rm -r /data/old /data/opaque; mkdir /data/opaque; echo new > /data/opaque/new
    - run: name=$(printf 'n%.0s' $(seq 150)); mkdir -p /long/$name; echo x > /long/$name/$name; ln -s $name/$name /long/link; mkfifo /long/pipe; chown 7:8 /long/link /data/kept; chmod 4755 /data/kept; ln /data/kept /data/twin
    - env: {FROM: steps}
command: [cat, /data/opaque/new]
env: {OWN: "1"}
workdir: /data
`;

function exported(at: World, format: string, output: string, home = at.home): string {
  const options = { env: { ...epoch, PAVLOS_HOME: home } };
  expectCode(at.pavlosWith(options, "export", "box", "--format", format, "-o", output), 0);
  return join(at.project, output);
}

const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

/** Everything below a directory: kind, mode, owner, links, size and content. */
function listing(directory: string): string {
  const script =
    'find . -printf "%P %y %m %U:%G %n %l %s\\n" | sed "s/ d\\(.*\\) [0-9]*$/ d\\1/" | sort; find . -type f -exec sha256sum {} + | sort -k2';
  return execFileSync("sh", ["-c", script], { cwd: directory, encoding: "utf8" });
}

describe.each(callers())("an export as $kind", (caller) => {
  it("is the same twice, and other engines read what is in the root", () => {
    const at = world(caller);
    const scratch = mkdtempSync("/var/tmp/pavlos-e2e-export-");
    try {
      at.write("environments/box.yaml", image);
      const archive = exported(at, "oci", "box.oci.tar");
      // Built a second time, somewhere else and later: the same bytes.
      expectCode(at.command("mkdir", "-m", "700", join(at.project, "second")), 0);
      const second = exported(at, "oci", "again.oci.tar", join(at.project, "second"));
      expect(digest(second)).toBe(digest(archive));

      const inspected = JSON.parse(
        execFileSync("skopeo", ["inspect", "--config", `oci-archive:${archive}`], { encoding: "utf8" }),
      );
      expect(inspected).toMatchObject({
        created: "2001-09-09T01:46:40Z",
        os: "linux",
        config: { Env: ["FROM=steps", "OWN=1"], Cmd: ["cat", "/data/opaque/new"], WorkingDir: "/data" },
      });
      expect(inspected.rootfs.diff_ids).toHaveLength(4);
      chmodSync(scratch, 0o755);
      if (process.getuid?.() === 0) compareTrees(at, { archive, scratch });
      if (process.getuid?.() === 0 && caller.kind === "root") runByPodman(archive, scratch);

      const squashfs = exported(at, "squashfs", "box.squashfs");
      expect(digest(exported(at, "squashfs", "twice.squashfs"))).toBe(digest(squashfs));
      expect(execFileSync("unsquashfs", ["-cat", squashfs, "data/opaque/new"], { encoding: "utf8" })).toBe(
        "new\n",
      );
      const streamed = at.pavlosWith({ env: epoch }, "export", "box", "--format", "tar", "-o", "-");
      expect(expectCode(streamed, 0).stdout.length).toBeGreaterThan(100_000);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
      at.end();
    }
  });

  it("refuses what it cannot be made from or written to", () => {
    const at = world(caller);
    try {
      at.write("environments/box.yaml", "rootfs: host\n");
      expect(expectCode(at.pavlos("export", "box"), 1).stderr).toContain("the host's root is not exported");
      expect(expectCode(at.pavlos("export", "bx"), 1).stderr).toContain("did you mean `box`?");
      at.write("environments/box.yaml", "rootfs: {bootstrap: busybox}\n");
      expect(expectCode(at.pavlos("export", "box", "--format", "zip"), 1).stderr).toContain(
        "oci, tar or squashfs",
      );
      expect(expectCode(at.pavlos("export", "box", "-o", "/proc/nowhere/x.tar"), 1).stderr).toContain(
        "cannot be written",
      );
    } finally {
      at.end();
    }
  });
});

/** The layers put over each other by umoci, and the tree that Pavlos itself sees. */
function compareTrees(at: World, { archive, scratch }: { archive: string; scratch: string }): void {
  const tar = exported(at, "tar", "box.tar");
  const [own, layout, unpacked] = ["own", "layout", "unpacked"].map((name) => join(scratch, name));
  mkdirSync(own ?? "");
  execFileSync("tar", ["-xpf", tar, "--numeric-owner", "-C", own ?? ""]);
  execFileSync("skopeo", ["copy", "-q", `oci-archive:${archive}`, `oci:${layout}:box`]);
  execFileSync("umoci", ["unpack", "--image", `${layout}:box`, unpacked ?? ""], { stdio: "ignore" });
  const [ours, theirs] = [listing(own ?? ""), listing(join(unpacked ?? "", "rootfs"))];
  expect(theirs.split("\n").slice(1)).toEqual(ours.split("\n").slice(1));
  expect(ours).toContain("data/kept f 4755 7:8 2");
  expect(ours).not.toMatch(/gone|hidden/);
}

function runByPodman(archive: string, scratch: string): void {
  const podman = (...args: string[]) =>
    execFileSync(
      "podman",
      [
        "--root",
        join(scratch, "storage"),
        "--runroot",
        join(scratch, "run"),
        "--storage-driver",
        "vfs",
        "--events-backend",
        "none",
        "--cgroup-manager",
        "cgroupfs",
        // The machine's own runtime may refuse its cgroups; the image is what this is about.
        "--runtime",
        join(installation(), "dist/native/pavlosc"),
        ...args,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );
  podman("load", "-q", "-i", archive);
  const run = podman(
    "run",
    "--rm",
    "--network",
    "none",
    ...["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
    "docker.io/library/box:latest",
  );
  expect(run).toBe("new\n");
}
