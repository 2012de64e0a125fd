import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { realFiles } from "../../../../src/host/real-files.ts";
import type { Bootstrap } from "../../../../src/model/build.ts";
import { makeBootstraps } from "../../../../src/providers/rootfs/bootstrap/bootstrap.ts";
import { bootstrapKey, bootstrapLayer } from "../../../../src/providers/rootfs/bootstrap/request.ts";
import { layerFiles } from "../../../../src/providers/rootfs/store/layers.ts";
import type { Tools } from "../../../../src/providers/tools.ts";
import { openLockFile } from "../../../../src/state/lock-file/lock-file.ts";
import { environment } from "../../../reconcile/support/environments.ts";
import { context, fakeNative, freeFlock, host } from "../../support.ts";

const rootfs: Bootstrap = {
  kind: "bootstrap",
  suite: "bookworm",
  variant: "apt",
  packages: ["git"],
  mirror: null,
};
let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "pavlos-pin-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** A store that has the distribution with this version of git. */
function installed(version: string) {
  const lock = openLockFile(realFiles, scratch);
  const tools: Tools = {
    host: host(),
    paths: { data: join(scratch, "data"), run: join(scratch, "run") },
    files: realFiles,
    native: fakeNative(() => ({})).native,
    flock: freeFlock,
    env: {},
    lockFile: () => lock,
  };
  const files = layerFiles(tools, bootstrapLayer(bootstrapKey(rootfs, tools.host.arch)));
  mkdirSync(files.tree, { recursive: true });
  const info = {
    suite: "bookworm",
    release: "Debian 12",
    releases: ["a"],
    packages: { git: version },
    madeAt: "",
  };
  writeFileSync(join(files.directory, "bootstrap.json"), JSON.stringify(info));
  const ensure = () =>
    makeBootstraps(tools).ensure({ environment: environment("api", { rootfs }), rootfs, context });
  return { lock, ensure };
}

const path = ["bootstraps", "bookworm apt x64 git"] as const;

it("notes what was installed, and leaves alone what another machine has noted", async () => {
  const first = installed("1");
  expect(await first.ensure()).toMatchObject({ ok: true });
  expect(first.lock.get(path)).toEqual({ release: "Debian 12", releases: "a", packages: { git: "1" } });
  expect(first.lock.save()).toMatchObject({ ok: true });
  const second = installed("2");
  await second.ensure();
  expect(second.lock.changes()).toEqual([]);
});

it("does not agree with a frozen lock that has other versions", async () => {
  const first = installed("1");
  await first.ensure();
  first.lock.save();
  const second = installed("2");
  second.lock.freeze();
  await second.ensure();
  expect(second.lock.save()).toMatchObject({ ok: false, failure: { code: "lock-mismatch" } });
});
