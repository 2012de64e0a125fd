import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { image, writeLayout } from "../support/oci.ts";
import { busyboxLayer } from "./support/busybox-image.ts";
import { callers } from "./support/callers.ts";
import { busyboxArchive } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const isRoot = process.getuid?.() === 0;

describe.each(callers())("the store as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxArchive(at, "one.tar.gz", "-z");
    busyboxArchive(at, "two.tar", "-a");
  });
  afterEach(() => at.end());

  const layers = () => readdirSync(join(at.home, "data/store/layers")).sort();
  const use = (archive: string) =>
    at.write("environments/api.yaml", `rootfs: ../${archive}\ncommand: [sleep, '1000']\n`);
  /** Files of subordinate ids can be changed by root only; anybody else damages the list. */
  const damage = (layer: string) =>
    isRoot ? writeFileSync(join(layer, "tree/etc/passwd"), "evil\n") : truncateSync(join(layer, "list"), 100);
  const json = (...args: string[]) => JSON.parse(expectCode(at.pavlos(...args, "--json"), 0).stdout);

  it("gives back what nothing wants, and only that", () => {
    use("one.tar.gz");
    expectCode(at.pavlos("apply", "--yes"), 0);
    use("two.tar");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(layers()).toHaveLength(2);
    expect(json("du").usage[0]).toMatchObject({ what: "layers", count: 2 });
    // Young ones stay.
    expect(json("gc").swept).toEqual([]);
    const [doomed] = json("gc", "--dry-run", "--grace", "0s").swept;
    expect(doomed).toMatchObject({ kind: "layer" });
    expect(doomed.bytes).toBeGreaterThan(500_000);
    expect(layers()).toHaveLength(2);
    expect(json("gc", "--grace", "0s").swept.map(({ name }: { name: string }) => name)).toContain(
      doomed.name,
    );
    expect(layers()).toHaveLength(1);
    // What a container stands on stays, however little room there may be.
    expect(json("gc", "--grace", "0s", "--max-size", "1k").swept).toEqual([]);
    expectCode(at.pavlos("exec", "api", "--", "true"), 0);
    expectCode(at.pavlos("destroy", "--yes"), 0);
    expect(json("gc", "--grace", "0s").swept).toHaveLength(1);
    expect(layers()).toEqual([]);
  });

  it("finds a damaged layer, keeps it while it is in use, and the next apply makes it anew", () => {
    use("one.tar.gz");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(json("images", "verify")).toMatchObject({ layers: 1, damages: [] });
    const [name = ""] = layers();
    damage(join(at.home, "data/store/layers", name));
    const found = at.pavlos("images", "verify");
    expectCode(found, 1);
    expect(found.stdout).toContain(isRoot ? "etc/passwd" : "list");
    expect(found.stdout).toContain("used by api");
    expect(expectCode(at.pavlos("images", "verify", "--repair"), 1).stdout).toContain("pavlos stop");
    expectCode(at.pavlos("stop"), 0);
    expectCode(at.pavlos("images", "verify", "--repair"), 0);
    expect(layers()).toEqual([]);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(expectCode(at.pavlos("exec", "api", "--", "cat", "/etc/passwd"), 0).stdout).not.toContain("evil");
    expect(json("images", "verify")).toMatchObject({ layers: 1, damages: [] });
  });

  it("never follows an image's /etc/passwd out of the root", () => {
    const secret = at.write("secret", "evil:x:0:0::/:/bin/sh\n");
    const before = readFileSync(secret, "utf8");
    const link = { path: "etc/passwd", type: "symlink" as const, target: secret };
    const climbing = { ...link, path: "etc/group", target: `../../../../../..${secret}` };
    const layer = busyboxLayer().filter(({ path }) => !/^etc\/(passwd|group)$/.test(path));
    writeLayout(join(at.project, "image"), { test: image({ layers: [[...layer, link, climbing]] }) });
    execFileSync("chown", ["-R", `${caller.uid}:${caller.gid}`, join(at.project, "image")]);
    const root = 'rootfs: {image: "oci:../image:test"}\ncommand: [sleep, "1000"]\n';
    at.write("environments/api.yaml", `${root}user: evil\n`);
    expect(expectCode(at.pavlos("apply", "--yes"), 1).stderr).toContain("evil");
    at.write("environments/api.yaml", `${root}user: root\n`);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(readFileSync(secret, "utf8")).toBe(before);
  });

  it("says what is wrong with its options", () => {
    expect(expectCode(at.pavlos("gc", "--max-size", "lots"), 1).stderr).toContain("a size such as 20GiB");
    expect(expectCode(at.pavlos("images", "verifi"), 1).stderr).toContain("`verify`");
  });
});
