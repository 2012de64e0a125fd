import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { observeMounts, resolveInside } from "../../../src/providers/mounts/observe.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";
import { environment } from "../../reconcile/support/environments.ts";

function drift(targets: readonly string[], points: readonly string[], pid = process.pid) {
  const files = memoryFiles();
  files.makeDirectory(`/proc/${pid}`, 0o755);
  const line = (point: string) => `36 35 0:1 / ${point} rw - tmpfs tmpfs rw\n`;
  files.replace(`/proc/${pid}/mountinfo`, points.map(line).join(""));
  const mounts = targets.map((target) => ({ type: "tmpfs" as const, target, readonly: false, size: null }));
  const record = {
    version: 1 as const,
    name: "web",
    spec: environment("web", { mounts }),
    containerId: "demo-web",
    createdAt: "",
    stopped: false,
    hooked: true,
    secretHashes: {},
    pending: null,
    provider: {},
  };
  const live = { status: "running" as const, pid, startedAt: null, exitCode: null, killed: false };
  return [
    ...(observeMounts(files, [{ record, process: live }], () => null)
      .get("web")
      ?.keys() ?? []),
  ];
}

describe("mounts of a running container", () => {
  it("drift when one is gone, and are found under the kernel's spelling of their names", () => {
    expect(drift(["/data", "/with space"], ["/", "/data", "/with\\040space"])).toEqual([]);
    expect(drift(["/data", "/cache"], ["/", "/data"])).toEqual(["mounts[1]"]);
    expect(drift(["/data/"], ["/", "/data"])).toEqual([]);
  });

  it("drift when something else is mounted over one", () => {
    expect(drift(["/data"], ["/", "/data", "/data"])).toEqual([]);
    expect(drift(["/data"], ["/", "/data", "/data - ext4 /dev/sda rw - "])).toEqual(["mounts[0]"]);
  });

  it("do not drift where nobody may look whether a link leads to them", () => {
    expect(drift(["/var/run/data"], ["/", "/run/data"], 2 ** 30)).toEqual([]);
  });
});

describe("a path inside a root", () => {
  it("follows links within the root only, and gives up on loops", () => {
    const root = mkdtempSync(join(tmpdir(), "pavlos-root-"));
    onTestFinished(() => rmSync(root, { recursive: true }));
    mkdirSync(join(root, "run/app"), { recursive: true });
    mkdirSync(join(root, "var"));
    symlinkSync("/run", join(root, "var/run"));
    symlinkSync("../run/app", join(root, "var/app"));
    symlinkSync("../../../../etc", join(root, "var/out"));
    symlinkSync("loop", join(root, "var/loop"));
    expect(resolveInside(root, "/var/run/app/x")).toBe("/run/app/x");
    expect(resolveInside(root, "/var/app")).toBe("/run/app");
    expect(resolveInside(root, "/var/out/passwd")).toBe("/etc/passwd");
    expect(resolveInside(root, "/var/loop")).toBeNull();
  });
});
