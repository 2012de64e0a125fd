import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("the writable layer as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    at.write("root/etc/edited", "one\n");
    at.write("root/etc/gone", "text\n");
    at.write("environments/api.yaml", "rootfs: ../root\nuser: root\ncommand: [sleep, '1000']\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
  });
  afterEach(() => at.end());

  const inside = (command: string) =>
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", command), 0).stdout;

  it("is compared with what lies below: edited, added, removed, and closed to everybody else", () => {
    inside(
      "echo two >/etc/edited; rm /etc/gone; mkdir -p /opt/app; echo x >/opt/app/x; cat /etc/passwd >/dev/null",
    );
    inside("mkdir -m 700 /var/secret; echo y >/var/secret/y; chmod 600 /etc/group");
    const { files } = JSON.parse(expectCode(at.pavlos("diff", "--files", "api", "--json"), 0).stdout);
    const told = files.map((file: { change: string; path: string }) => `${file.change} ${file.path}`);
    expect(told).toEqual([
      "changed /etc/edited",
      "removed /etc/gone",
      "changed /etc/group",
      "added /opt",
      "added /opt/app",
      "added /opt/app/x",
      "added /var/secret",
      "added /var/secret/y",
    ]);
    const shown = expectCode(at.pavlos("diff", "--files"), 0).stdout;
    expect(shown).toMatch(/\+ \/opt\/\s+1 file, 2 B/);
    expect(shown).toMatch(/- \/etc\/gone/);
  });

  it("is kept as a snapshot and put back, with owners, links, holes and what was removed", () => {
    inside(
      "echo old >/etc/edited; rm /etc/gone; echo x >/srv; ln /srv /srv2; chown 33:44 /srv; mkdir -m 700 /closed",
    );
    inside("dd if=/dev/zero of=/sparse bs=1 count=1 seek=50000000 2>/dev/null");
    const saved = expectCode(at.pavlos("snapshot", "save", "api", "first"), 0);
    expect(saved.stdout).toContain("saved first of api");
    expect(saved.stderr).toMatch(/power cut|could not be paused/);
    expect(expectCode(at.pavlos("snapshot", "save", "api", "first"), 1).stderr).toContain("already");
    inside(
      "echo new >/etc/edited; echo back >/etc/gone; rm /srv /srv2 /sparse; chmod 755 /closed; echo more >/more",
    );

    expect(expectCode(at.pavlos("snapshot", "restore", "api", "first"), 1).stderr).toContain("--yes");
    expect(inside("cat /etc/edited")).toBe("new\n");
    expectCode(at.pavlos("snapshot", "restore", "api", "first", "--yes"), 0);
    expect(at.ps("api").status).toBe("running");
    expect(
      inside("cat /etc/edited; ls /etc/gone /more 2>/dev/null; stat -c '%u %g %h' /srv; stat -c %a /closed"),
    ).toBe("old\n33 44 2\n700\n");
    expect(Number(inside("stat -c %b /sparse"))).toBeLessThan(1000);
    expectCode(at.pavlos("diff"), 0);

    const { snapshots } = JSON.parse(expectCode(at.pavlos("snapshot", "list", "--json"), 0).stdout);
    expect(snapshots).toMatchObject([{ environment: "api", name: "first" }]);
    busyboxRoot(at, "other");
    at.write("environments/api.yaml", "rootfs: ../other\nuser: root\ncommand: [sleep, '1000']\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(expectCode(at.pavlos("snapshot", "restore", "api", "first", "--yes"), 1).stderr).toContain(
      "other files",
    );
    expectCode(at.pavlos("snapshot", "rm", "api", "first"), 0);

    // The recreate has kept the layer that it replaced; the way back has nothing to replace it with.
    at.write("environments/api.yaml", "rootfs: ../root\nuser: root\ncommand: [sleep, '1000']\n");
    expect(expectCode(at.pavlos("diff"), 2).stdout).not.toContain("snapshot");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(inside("cat /etc/edited")).toBe("one\n");
    expectCode(at.pavlos("snapshot", "restore", "api", "before-recreate", "--yes"), 0);
    expect(inside("cat /etc/edited; stat -c '%u %g %h' /srv; stat -c %a /closed")).toBe(
      "old\n33 44 2\n700\n",
    );
    at.write("environments/api.yaml", "rootfs: ../other\nuser: root\ncommand: [sleep, '1000']\n");
    expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(
      /! \d.* written in its root since .* go to the snapshot before-recreate/,
    );
    expect(expectCode(at.pavlos("snapshot", "rm", "api", "first"), 1).stderr).toContain("no snapshot");
  });

  it("is the old or the new one after a restore that was killed at any moment", async () => {
    inside("echo old >/etc/edited; mkdir /many; seq 1 500 | while read n; do echo $n >/many/$n; done");
    expectCode(at.pavlos("snapshot", "save", "api", "old"), 0);
    for (let round = 0; round < (process.env.PAVLOS_LONG ? 40 : 2); round += 1) {
      inside("echo new >/etc/edited");
      const restoring = at.spawn("snapshot", "restore", "api", "old", "--yes");
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 600));
      restoring.kill("SIGKILL");
      expectCode(at.pavlos("apply", "--yes"), 0);
      expect(inside("cat /etc/edited")).toMatch(/^(old|new)\n$/);
      expectCode(at.pavlos("diff"), 0);
    }
    expectCode(at.pavlos("snapshot", "restore", "api", "old", "--yes"), 0);
    expect(inside("cat /etc/edited")).toBe("old\n");
  });
});
