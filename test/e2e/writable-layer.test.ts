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
});
