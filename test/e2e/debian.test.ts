import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

const formats = {
  "debian.tar": [],
  "debian.tar.gz": ["-z"],
  "debian.tar.zst": ["--zstd"],
  "debian.tar.xz": ["-J"],
};

let directory: string;

// One Debian root for all callers: mmdebstrap needs the mirror that apt is set up with.
beforeAll(() => {
  directory = mkdtempSync("/var/tmp/pavlos-e2e-debian-");
  chmodSync(directory, 0o755);
  makePackage(directory);
  const tar = join(directory, "debian.tar");
  execFileSync("mmdebstrap", ["--quiet", "--variant=essential", "--include=apt", suite(), tar], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const [name, compress] of Object.entries(formats)) {
    if (name !== "debian.tar") packAgain(tar, join(directory, name), compress[0] as string);
  }
}, 300_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(callers())("a Debian root as $kind", (caller) => {
  it.each(Object.keys(formats))("%s becomes an environment in which root installs a package", (name) => {
    const at = world(caller);
    try {
      provide(at, name);
      at.write("environments/debian.yaml", `rootfs: ../${name}\nmounts: ['../packages:/packages:ro']\n`);
      expectCode(at.pavlos("apply", "--yes"), 0);
      const root = (...argv: string[]) => at.pavlos("exec", "debian", "--user", "root", "--", ...argv);
      expectCode(root("dpkg", "-i", "/packages/pavlos-greeting.deb"), 0);
      expect(expectCode(root("pavlos-greeting"), 0).stdout).toBe("hello from a package\n");
      expect(root("stat", "-c", "%u:%g %a", "/usr/bin/pavlos-greeting").stdout.trim()).toBe("0:0 755");
      expect(root("stat", "-c", "%U", "/var/mail").stdout.trim()).toBe("root");
      expect(root("dpkg", "--verify", "base-files").stdout.trim()).toBe("");
      expectCode(root("apt-get", "--version"), 0);
      expectCode(root("useradd", "-m", "someone"), 0);
      expectCode(at.pavlos("diff"), 0);
    } finally {
      at.end();
    }
  });
});

function provide(at: World, name: string): void {
  mkdirSync(join(at.project, "packages"));
  copyFileSync(join(directory, "pavlos-greeting.deb"), join(at.project, "packages/pavlos-greeting.deb"));
  copyFileSync(join(directory, name), join(at.project, name));
  chownSync(join(at.project, name), at.caller.uid, at.caller.gid);
}

/** A package of our own, so that the test installs one without a network. */
function makePackage(parent: string): void {
  const tree = join(parent, "package");
  mkdirSync(join(tree, "DEBIAN"), { recursive: true });
  mkdirSync(join(tree, "usr/bin"), { recursive: true });
  const control =
    "Package: pavlos-greeting\nVersion: 1\nArchitecture: all\nMaintainer: Pavlos <pavlos@example.org>\nDescription: greets\n";
  writeFileSync(join(tree, "DEBIAN/control"), control);
  writeFileSync(
    join(tree, "DEBIAN/postinst"),
    "#!/bin/sh\nset -e\nchown root:root /usr/bin/pavlos-greeting\n",
    { mode: 0o755 },
  );
  writeFileSync(join(tree, "usr/bin/pavlos-greeting"), "#!/bin/sh\necho hello from a package\n", {
    mode: 0o755,
  });
  execFileSync("dpkg-deb", ["--root-owner-group", "--build", tree, join(parent, "pavlos-greeting.deb")], {
    stdio: "ignore",
  });
}

function packAgain(from: string, to: string, option: string): void {
  const program = { "-z": "gzip -1", "--zstd": "zstd -1", "-J": "xz -0 -T2" }[option];
  execFileSync("sh", ["-c", `${program} <"$0" >"$1"`, from, to]);
}

/** The suite of this machine, so that its keyring fits; Debian's stable elsewhere. */
function suite(): string {
  const release = execFileSync("sh", ["-c", '. /etc/os-release; echo "$ID $VERSION_CODENAME"'], {
    encoding: "utf8",
  }).trim();
  const [id, codename] = release.split(" ");
  return id === "debian" && codename !== undefined && codename !== "" ? codename : "stable";
}
