import { describe, expect, it } from "vitest";
import type { Environment } from "../../../../src/model/environment.ts";
import { failure, success } from "../../../../src/model/result.ts";
import { withDefaults } from "../../../../src/providers/rootfs/image/defaults.ts";
import type { ImageRoot, Images } from "../../../../src/providers/rootfs/image/images.ts";
import { type PinMode, pinImages } from "../../../../src/providers/rootfs/image/pin.ts";
import {
  type ImageConfig,
  type ImageHealthcheck,
  noConfig,
} from "../../../../src/providers/rootfs/store/stack.ts";
import { openLockFile } from "../../../../src/state/lock-file/lock-file.ts";
import { memoryFiles } from "../../../host/support/memory-files.ts";
import { desired, environment } from "../../../reconcile/support/environments.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const root = (more: Partial<ImageRoot> = {}): ImageRoot => ({
  kind: "image",
  image: "docker.io/library/debian:12",
  platform: "linux/amd64",
  pull: "missing",
  insecure: false,
  digest: null,
  ...more,
});
const path = ["images", "docker.io/library/debian:12", "linux/amd64"] as const;

/** A registry that has `now`, a store that has `stored`. */
function images(now: string, stored: string | null = null) {
  const asked: string[] = [];
  const unused = () => Promise.reject(new Error("not used"));
  const made: Images = {
    lookUp: async ({ rootfs }) => {
      asked.push(rootfs.image);
      return success({ digest: now, layers: [], config: noConfig, size: 0 });
    },
    configOf: async () => success({ ...noConfig, env: { FROM: "image" } }),
    knownConfig: () => null,
    storedDigest: () => stored,
    pull: unused,
    ensure: unused,
    resolve: () => null,
  };
  return { made, asked };
}

async function pin(
  rootfs: ImageRoot,
  options: { now?: string; stored?: string; locked?: string; mode?: PinMode; frozen?: true },
) {
  const lock = openLockFile(memoryFiles(), "/project");
  if (options.locked !== undefined) lock.set(path, options.locked);
  if (options.frozen) lock.freeze();
  const { made, asked } = images(options.now ?? digest("a"), options.stored ?? null);
  const wanted = desired([environment("a", { rootfs }), environment("b", { rootfs })]);
  const signal = new AbortController().signal;
  const result = await pinImages(wanted, { images: made, lock, mode: () => options.mode ?? "lock", signal });
  const found = result.ok
    ? result.value.environments.map((one) => (one.rootfs as ImageRoot).digest)
    : result.failure;
  return { found, asked, locked: lock.get(path), result };
}

describe("names of images", () => {
  it("that the lock pins are not looked up", async () => {
    const { found, asked } = await pin(root(), { locked: digest("b") });
    expect(found).toEqual([digest("b"), digest("b")]);
    expect(asked).toEqual([]);
  });

  it("that it does not pin are looked up once, and pinned", async () => {
    const { found, asked, locked } = await pin(root(), {});
    expect(found).toEqual([digest("a"), digest("a")]);
    expect(asked).toHaveLength(1);
    expect(locked).toBe(digest("a"));
  });

  it("move with update and with pull: always", async () => {
    expect((await pin(root(), { locked: digest("b"), mode: "update" })).locked).toBe(digest("a"));
    expect((await pin(root({ pull: "always" }), { locked: digest("b") })).locked).toBe(digest("a"));
  });

  it("with pull: never are what the store has", async () => {
    const { found, asked } = await pin(root({ pull: "never" }), { stored: digest("c") });
    expect(found).toEqual([digest("c"), digest("c")]);
    expect(asked).toEqual([]);
    expect((await pin(root({ pull: "never" }), {})).found).toMatchObject([{ code: "image-not-stored" }, {}]);
  });

  it("are asked of nobody where only what is known counts", async () => {
    const { found, asked } = await pin(root(), { mode: "store" });
    expect(found).toEqual([null, null]);
    expect(asked).toEqual([]);
  });

  it("that would move, or are not pinned, fail with --frozen", async () => {
    const missing = await pin(root(), { frozen: true });
    expect(missing.found).toMatchObject([{ code: "lock-mismatch" }, {}]);
    expect(missing.asked).toEqual([]);
    const moved = await pin(root({ pull: "always" }), { frozen: true, locked: digest("b") });
    expect(moved.found).toMatchObject([
      { code: "lock-mismatch", message: expect.stringContaining(digest("b")) },
      {},
    ]);
  });

  it("that lie on this disk are looked at each time, and nothing of them is in the lock", async () => {
    const local = root({ image: "oci:/somewhere:1" });
    const { found, asked, locked } = await pin(local, { frozen: true });
    expect(found).toEqual([digest("a"), digest("a")]);
    expect(asked).toHaveLength(1);
    expect(locked).toBeNull();
  });

  it("of steps' first root are pinned too", async () => {
    const lock = openLockFile(memoryFiles(), "/project");
    const rootfs = {
      kind: "build" as const,
      from: root(),
      steps: [{ kind: "env" as const, env: { FROM: "step" } }],
    };
    const wanted = desired([environment("a", { rootfs: rootfs as Environment["rootfs"] })]);
    const signal = new AbortController().signal;
    const result = await pinImages(wanted, {
      images: images(digest("a")).made,
      lock,
      mode: () => "lock",
      signal,
    });
    if (!result.ok) throw new Error(JSON.stringify(result.failure));
    expect(result.value.environments[0]).toMatchObject({
      rootfs: { from: { digest: digest("a") } },
      env: { FROM: "step" },
    });
  });

  it("that cannot be looked up are problems", async () => {
    const lock = openLockFile(memoryFiles(), "/project");
    const problem = { code: "registry-unreachable", message: "down", place: null };
    const broken = { ...images("").made, lookUp: async () => failure(problem) };
    const wanted = desired([environment("a", { rootfs: root() })]);
    const signal = new AbortController().signal;
    const result = await pinImages(wanted, { images: broken, lock, mode: () => "lock", signal });
    expect(result).toMatchObject({ ok: false, failure: [{ code: "registry-unreachable" }] });
  });
});

describe("what an image says", () => {
  const config = (more: Partial<ImageConfig>): ImageConfig => ({ ...noConfig, ...more });
  const inherit = (
    more: Partial<ImageConfig>,
    changes: Partial<Environment> = {},
    places: readonly string[] = [],
  ) =>
    withDefaults(
      environment("a", { rootfs: root(), command: [], ...changes }),
      config(more),
      new Map(places.map((at) => [at, { file: "/a.yaml", line: 1, column: 1 }])),
    );

  it("holds where the file says nothing", () => {
    const { environment: made, inherited } = inherit(
      {
        entrypoint: ["/entry"],
        cmd: ["serve"],
        env: { A: "image", B: "image" },
        user: "app",
        workdir: "srv",
        stopSignal: "3",
      },
      { env: { A: "file" } },
    );
    expect(made).toMatchObject({
      command: ["/entry", "serve"],
      env: { A: "file", B: "image" },
      user: "app",
      workdir: "/srv",
      stop: { signal: "SIGQUIT" },
    });
    expect([...inherited.keys()].sort()).toEqual(["command", "env.B", "stop.signal", "user", "workdir"]);
    expect(inherited.get("command")).toBe("image debian:12");
  });

  it("gives way to the file", () => {
    const file = { command: ["mine"], user: "root", workdir: "/", stop: { signal: "SIGTERM", timeout: 1 } };
    const { environment: made, inherited } = inherit(
      { entrypoint: ["/entry"], user: "app", workdir: "/srv", stopSignal: "SIGQUIT" },
      file,
      ["command", "user", "workdir", "stop.signal"],
    );
    expect(made).toMatchObject(file);
    expect(inherited.size).toBe(0);
  });

  const healthcheck = (test: readonly string[], more: Partial<ImageHealthcheck> = {}) => ({
    cmd: ["serve"],
    healthcheck: { test, interval: null, timeout: null, startPeriod: null, retries: null, ...more },
  });

  it("has a health check, with docker's defaults", () => {
    const said = { interval: 5000, timeout: 0, startPeriod: 1000, retries: 2 };
    const { environment: made, inherited } = inherit(healthcheck(["CMD", "ok", "now"], said));
    expect(made.health).toEqual({
      check: { kind: "command", command: ["ok", "now"] },
      interval: 5000,
      timeout: 1,
      retries: 2,
      startPeriod: 11_000,
    });
    expect(inherited.get("health.check.command")).toBe("image debian:12");
    expect(inherit(healthcheck(["CMD-SHELL", "curl localhost || exit 1"])).environment.health).toEqual({
      check: { kind: "command", command: ["/bin/sh", "-c", "curl localhost || exit 1"] },
      interval: 30_000,
      timeout: 30_000,
      retries: 3,
      startPeriod: 90_000,
    });
  });

  it("has no health check where the file says something, or nothing runs, or there is none", () => {
    const check = { check: { kind: "tcp", host: "localhost", port: 1 } as const, interval: 100 };
    const own = { ...check, timeout: 1, retries: 1, startPeriod: 0 };
    const image = healthcheck(["CMD", "ok"]);
    expect(inherit(image, { health: own }, ["health"]).environment.health).toEqual(own);
    expect(inherit(image, {}, ["health"]).environment.health).toBeNull();
    expect(inherit({ ...image, cmd: ["bash"] }).environment.health).toBeNull();
    for (const test of [["NONE"], ["CMD"], ["CMD-SHELL"], ["else", "x"]])
      expect(inherit(healthcheck(test)).environment.health).toBeNull();
  });

  it.each([
    [["bash"], []],
    [["/bin/sh"], []],
    [
      ["sh", "-c", "x"],
      ["sh", "-c", "x"],
    ],
    [["bash-server"], ["bash-server"]],
  ])("command %j is %j without a terminal", (cmd, expected) => {
    expect(inherit({ cmd }).environment.command).toEqual(expected);
    expect(inherit({ cmd }, { tty: true }).environment.command).toEqual(cmd);
  });

  it("of ports and volumes are hints", () => {
    const { hints } = inherit({ exposedPorts: ["80/tcp"], volumes: ["/data"] });
    expect(hints.join(" ")).toMatch(/80\/tcp.*\/data/);
  });
});
