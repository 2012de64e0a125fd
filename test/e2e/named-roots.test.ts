import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, world } from "./support/world.ts";

describe.each(callers())("a named root as $kind", (caller) => {
  it("is kept from gc, used by name and by files of the first Pavlos, built upon, exported and removed", () => {
    const at = world(caller);
    try {
      const directory = busyboxRoot(at);
      writeFileSync(join(directory, "mark"), "from a directory\n");
      chownSync(join(directory, "mark"), caller.uid, caller.gid);
      expectCode(at.pavlos("rootfs", "create", "mine", "./root"), 0);
      expectCode(at.pavlos("rootfs", "create", "default", "--bootstrap", "busybox"), 0);
      expect(expectCode(at.pavlos("rootfs", "list", "-q"), 0).stdout).toBe("default\nmine\n");
      expect(expectCode(at.pavlos("rootfs", "create", "mine", "./root"), 1).stderr).toContain(
        "rootfs rm mine",
      );
      expectCode(at.pavlos("gc"), 0);

      at.write("environments/a.yaml", "rootfs: {named: mine}\ncommand: [sleep, '1000']\n");
      at.write(
        "environments/b.yaml",
        "rootfs: {from: {named: mine}, steps: [{run: 'cat /mark > /copied'}]}\ncommand: [sleep, '1000']\n",
      );
      expectCode(at.pavlos("apply", "--yes"), 0);
      expect(expectCode(at.pavlos("exec", "b", "--", "cat", "/mark", "/copied"), 0).stdout).toBe(
        "from a directory\nfrom a directory\n",
      );
      const legacy = {
        name: "old",
        rootFs: "default",
        runtimeArgs: ["/bin/sh", "-c", "cat /etc/os-release"],
      };
      at.write("old.json", JSON.stringify(legacy));
      expect(expectCode(at.pavlos("run", "old.json"), 0).stdout).toContain("ID=busybox");

      mkdirSync(join(at.project, "out"));
      chmodSync(join(at.project, "out"), 0o777);
      expectCode(at.pavlos("rootfs", "export", "mine", "-o", "out/mine.oci.tar"), 0);
      expectCode(at.pavlos("rootfs", "rm", "mine"), 0);
      expect(expectCode(at.pavlos("rootfs", "rm", "mine"), 1).stderr).toContain("expected: default");
      // What runs keeps its root; what is new finds none of that name.
      expectCode(at.pavlos("diff", "a"), 0);
      at.write("environments/c.yaml", "rootfs: {named: mine}\n");
      const missing = expectCode(at.pavlos("apply", "--yes", "c"), 1);
      expect(missing.stderr).toContain("there is no root called `mine`");
      expect(missing.stderr).toContain("environments/c.yaml:1");
    } finally {
      at.end();
    }
  });
});
