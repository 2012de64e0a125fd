import fc from "fast-check";
import type { Environment } from "../../../src/model/environment.ts";
import { environment } from "./environments.ts";

/** Small domains, so that two generated projects often share environments and values. */
const changes: fc.Arbitrary<Partial<Environment>> = fc.record({
  rootfs: fc.constantFrom<Environment["rootfs"]>(
    { kind: "host" },
    { kind: "path", path: "/srv/root", mode: "overlay" },
    { kind: "archive", archive: "/srv/root.tar", sha256: null },
  ),
  command: fc.constantFrom([], ["sleep", "1"], ["sleep", "2"], ["serve"]),
  persist: fc.boolean(),
  labels: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2")),
  env: fc.dictionary(fc.constantFrom("A", "B"), fc.constantFrom("1", "2")),
  hostname: fc.constantFrom("one", "two"),
  stop: fc.record({ signal: fc.constantFrom("SIGTERM", "SIGINT"), timeout: fc.constantFrom(1000, 10_000) }),
  secrets: fc.constantFrom({}, { TOKEN: { kind: "env" as const, variable: "TOKEN" } }),
  mounts: fc.subarray([
    { type: "tmpfs" as const, target: "/scratch", readonly: false, size: null },
    { type: "volume" as const, source: "data", target: "/data", readonly: false },
  ]),
  restart: fc.constantFrom(environment("x").restart, { policy: "always" as const, max: 3, backoff: 50 }),
  health: fc.constantFrom<Environment["health"]>(null, {
    check: { kind: "tcp", host: "localhost", port: 80 },
    interval: 1000,
    timeout: 1000,
    retries: 3,
    startPeriod: 1000,
  }),
  resources: fc
    .record({
      memory: fc.constantFrom(null, 1, 2),
      pids: fc.constantFrom(null, 100),
      shm: fc.constantFrom(1, 2),
    })
    .map((limits) => ({ ...environment("x").resources, ...limits })),
  hooks: fc.record({
    created: fc.constantFrom([], [["setup"]]),
    started: fc.constantFrom([], [["hello"]]),
    stopping: fc.constantFrom([], [["bye"]]),
  }),
});

/** The environments of one project. */
export const environments: fc.Arbitrary<readonly Environment[]> = fc
  .uniqueArray(fc.constantFrom("api", "db", "train", "web"), { maxLength: 4 })
  .chain((names) =>
    fc.tuple(...names.map((name) => changes.chain((change) => dependent(environment(name, change), names)))),
  );

/** Depends on some of those before it in the alphabet: never in a circle. */
function dependent(one: Environment, names: readonly string[]): fc.Arbitrary<Environment> {
  const conditions = fc.constantFrom("started" as const, "healthy" as const);
  const others = fc.subarray(names.filter((name) => name < one.name));
  return fc.tuple(others, conditions).map(([some, condition]) => ({
    ...one,
    dependsOn: Object.fromEntries(some.map((name) => [name, condition])),
  }));
}
