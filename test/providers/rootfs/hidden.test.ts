import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hiddenPaths, isBelow, withoutHashes } from "../../../src/providers/rootfs/hidden.ts";
import { environment } from "../../reconcile/support/environments.ts";
import { host, me } from "../support.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "pavlos-home-"));
  for (const name of [".ssh", "keys", "data", "run"]) mkdirSync(join(home, name));
  symlinkSync("keys", join(home, ".gnupg"));
  chmodSync(home, 0o755);
});
afterEach(() => rmSync(home, { recursive: true }));

const hidden = (target?: string) => {
  const mounts =
    target === undefined ? [] : [{ type: "tmpfs" as const, target, readonly: false, size: null }];
  const { caller } = host({ ...me, home });
  return hiddenPaths(environment("web", { mounts }), caller, {
    data: join(home, "data"),
    run: join(home, "run"),
  });
};

describe("what the host's root hides", () => {
  it("are key stores of the home that exist, what their links lead to, and Pavlos's own state", () => {
    const own = hidden().filter((path) => path.startsWith(home));
    expect(own).toEqual([".gnupg", ".ssh", "data", "keys", "run"].map((name) => join(home, name)));
  });

  it("is shown when a mount of the file is there, below or above", () => {
    expect(hidden(join(home, ".ssh"))).not.toContain(join(home, ".ssh"));
    expect(hidden(join(home, ".ssh/known_hosts"))).not.toContain(join(home, ".ssh"));
    expect(hidden(home)).not.toContain(join(home, ".ssh"));
    expect(hidden("/elsewhere")).toContain(join(home, ".ssh"));
  });
});

describe("password files", () => {
  it("keep their accounts without a single hash", () => {
    const shadow = "root:$y$j9T$abc:20000:0:99999:7:::\ndaemon:*:20000::::::\nme:$6$x$y:1::\n";
    expect(withoutHashes(shadow)).toBe("root:*:20000:0:99999:7:::\ndaemon:*:20000::::::\nme:*:1::\n");
    expect(withoutHashes("sudo:$5$hash:me:me\n")).toBe("sudo:*:me:me\n");
  });
});

describe("being below a directory", () => {
  it("goes by whole names", () => {
    expect(isBelow("/a/b", "/a")).toBe(true);
    expect(isBelow("/a", "/a")).toBe(true);
    expect(isBelow("/ab", "/a")).toBe(false);
    expect(isBelow("/x", "/")).toBe(true);
  });
});
