import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type Outcome, type World, world } from "./support/world.ts";

const file = "rootfs: {bootstrap: {suite: bookworm, packages: [git]}}\ncommand: [sleep, '1000']\n";

/** Distributions, by an mmdebstrap that installs busybox and the packages that `archive` says. */
describe.each(callers())("a bootstrapped root, as $kind:", (caller) => {
  let at: World;
  const archive = (packages: Readonly<Record<string, string>>) =>
    at.write(
      "tree/var/lib/dpkg/status",
      Object.entries(packages)
        .map(([name, version]) => `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\n`)
        .join("\n"),
    );
  const pavlos = (...args: string[]): Outcome =>
    at.pavlosWith({ env: { PATH: `${join(at.project, "bin")}:${process.env.PATH}` } }, ...args);
  const status = (name: string) =>
    expectCode(pavlos("exec", name, "--", "cat", "/var/lib/dpkg/status"), 0).stdout;
  const fetched = () =>
    expectCode(at.command("cat", join(at.project, "log")), 0)
      .stdout.trim()
      .split("\n");

  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at, "tree");
    mkdirSync(join(at.project, "bin"), { recursive: true });
    const program = at.write(
      "bin/mmdebstrap",
      `#!/bin/sh\necho "$*" >> ${at.project}/log\nexec tar -C ${at.project}/tree -c .\n`,
    );
    chmodSync(program, 0o755);
    archive({ git: "1", zlib: "1.2" });
  });
  afterEach(() => at.end());

  it("is installed once, noted in the lock, and updated when that is asked for", () => {
    at.write("environments/web.yaml", file);
    at.write(
      "environments/built.yaml",
      "rootfs:\n  from: {bootstrap: {suite: bookworm, packages: [git]}}\n  steps: [{run: 'touch /built'}]\ncommand: [sleep, '1000']\n",
    );
    expectCode(pavlos("apply", "--yes"), 0);
    expect(fetched()).toHaveLength(1);
    const lock = () => expectCode(at.command("cat", join(at.project, "pavlos.lock")), 0).stdout;
    expect(lock()).toContain('git: "1"');

    expect(expectCode(pavlos("update"), 0).stdout).toBe("Nothing has moved.\n");
    expectCode(pavlos("diff"), 0);
    expect(fetched()).toHaveLength(2);

    archive({ git: "2", zlib: "1.2", curl: "8" });
    const updated = expectCode(pavlos("update"), 0).stdout;
    expect(updated).toMatch(/bookworm minbase \w+ git packages git +1 +-> +2\n/);
    expect(updated).toMatch(/packages curl +- +-> +8\n/);
    expect(updated).not.toContain("zlib");
    expect(lock()).toContain('git: "2"');
    // What runs is left alone until it is applied, and says what is different.
    expect(status("web")).toContain("Version: 1\n");
    const diff = expectCode(pavlos("diff"), 2).stdout;
    expect(diff).toMatch(
      /rootfs\.suite +live bookworm of \d{4}-\d\d-\d\d, wanted bookworm +environments\/web\.yaml:1:\d+ +# it was updated: git 1 -> 2, curl \(none\) -> 8/,
    );
    expect(diff).toMatch(/rootfs\.steps[\s\S]*what it is built from has changed/);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(fetched()).toHaveLength(3);
    for (const name of ["web", "built"]) expect(status(name)).toContain("Version: 2\n");
    expectCode(pavlos("exec", "built", "--", "test", "-e", "/built"), 0);
    expectCode(pavlos("diff"), 0);

    // The versions of before: a layer that the store still has.
    archive({ git: "1", zlib: "1.2" });
    expectCode(pavlos("update", "web"), 0);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(status("web")).toContain("Version: 1\n");

    // What gc has removed is installed as the archive has it then.
    expectCode(pavlos("destroy", "--yes"), 0);
    expectCode(pavlos("gc", "--grace", "0s"), 0);
    archive({ git: "3" });
    expectCode(pavlos("apply", "web", "--yes"), 0);
    expect(status("web")).toContain("Version: 3\n");
    expect(lock()).toContain('git: "3"');
    expectCode(pavlos("diff", "web"), 0);
  });

  it("that cannot be updated stays as it is", () => {
    at.write("environments/web.yaml", file);
    expectCode(pavlos("apply", "--yes"), 0);
    at.write("bin/mmdebstrap", "#!/bin/sh\necho 'E: Unable to locate package git' >&2\nexit 1\n");
    const refused = expectCode(pavlos("update"), 1);
    expect(refused.stderr).toMatch(/bookworm has no package git\n --> environments\/web\.yaml:1:/);
    expectCode(pavlos("diff"), 0);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(expectCode(pavlos("images", "verify"), 0).stderr).toBe("");
  });
});
