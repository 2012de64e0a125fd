import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot, namespace } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("a file of the first Pavlos as $kind", (caller) => {
  let at: World;
  let root: string;
  beforeEach(() => {
    at = world(caller);
    root = busyboxRoot(at);
  });
  afterEach(() => at.end());

  const legacy = (more: object, script: string) =>
    at.write(
      "legacy.json",
      JSON.stringify({ name: "old", rootFs: root, runtimeArgs: ["/bin/sh", "-c", script], ...more }),
    );

  it("runs with its name as the host name and gives back the command's exit code", () => {
    legacy(
      { enableIsolation: true, isolationOptions: { enableUTS: true, enablePID: true, enableRoot: true } },
      "hostname; echo $$; exit 5",
    );
    const outcome = expectCode(at.pavlos("run", "legacy.json"), 5);
    expect(outcome.stdout.split("\n")[0]).toBe("old");
  });

  it("isolates exactly what it asks for", () => {
    legacy(
      {
        enableIsolation: true,
        isolationOptions: { enableUTS: true, enablePID: false, enableNetNs: false, enableRoot: true },
      },
      "for n in uts pid net; do readlink /proc/self/ns/$n; done",
    );
    const [uts, pid, net] = expectCode(at.pavlos("run", "legacy.json"), 0).stdout.trim().split("\n");
    expect(uts).not.toBe(namespace(process.pid, "uts"));
    expect(pid).toBe(namespace(process.pid, "pid"));
    expect(net).toBe(namespace(process.pid, "net"));
  });

  it("imports as YAML that means the same", () => {
    legacy(
      {
        enableIsolation: true,
        isolationOptions: { enableUTS: true, enablePID: true, enableRoot: true },
        internals: {},
      },
      "sleep 1000",
    );
    const imported = expectCode(at.pavlos("import", "legacy.json"), 0);
    expect(imported.stderr).toContain("internals");
    expect(at.command("cat", join(at.project, "environments/old.yaml")).stdout).toContain(root);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("old").status).toBe("running");
  });

  it("says what is wrong with a broken one", () => {
    at.write("legacy.json", '{"name": "old", "rootFs": 5}');
    const outcome = expectCode(at.pavlos("run", "legacy.json"), 1);
    expect(outcome.stderr).toContain("legacy.json:1:");
    expect(outcome.stderr).toContain("rootFs");
  });
});
