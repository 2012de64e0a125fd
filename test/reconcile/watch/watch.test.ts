import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Environment } from "../../../src/model/environment.ts";
import { failure, success } from "../../../src/model/result.ts";
import type { Loaded, News } from "../../../src/reconcile/api.ts";
import { reconcile } from "../../../src/reconcile/reconcile.ts";
import { watch } from "../../../src/reconcile/watch/watch.ts";
import { desired, environment } from "../support/environments.ts";
import { World } from "../support/world.ts";

describe("watching", () => {
  let world: World;
  let wanted: readonly Environment[] | "broken";
  let news: News[];
  let ending: AbortController;
  let watching: Promise<void>;
  let save: (next: readonly Environment[] | "broken") => void;

  beforeEach(async () => {
    world = new World();
    news = [];
    ending = new AbortController();
    wanted = [environment("web", { command: ["serve"] }), environment("db", { command: ["db"] })];
    watching = watch({
      machinery: { ...world.machinery(), signal: ending.signal },
      load: async () => load(),
      follow: async (changed) => {
        save = (next) => {
          wanted = next;
          changed();
        };
        return { set: () => undefined, close: async () => undefined };
      },
      alive: (pid) => [...world.containers.values()].some((container) => container.pid === pid),
      tell: (item) => news.push(item),
    });
    await until(() => world.container("web")?.held === false && news.length === 1);
  });
  afterEach(async () => {
    ending.abort();
    await watching;
  });

  function load(): Loaded {
    const broken = { code: "unknown-key", message: "unknown key `comand`", place: null };
    const result = wanted === "broken" ? failure([broken]) : success(desired(wanted));
    return { result, files: [], directories: [] };
  }
  const web = (changes: Partial<Environment>) => environment("web", { command: ["serve"], ...changes });
  const db = environment("db", { command: ["db"] });
  const kinds = () => news.map(({ kind }) => kind);

  it("applies a saved change and leaves the rest alone", async () => {
    const pid = world.container("db")?.pid;
    save([web({ command: ["serve", "-v"] }), db]);
    await until(() => world.container("web")?.spec.command.length === 2 && kinds().length === 2);
    expect(world.container("db")?.pid).toBe(pid);
  });

  it("shows a broken file once, keeps everything running and says when it is mended", async () => {
    save("broken");
    await until(() => kinds().includes("problems"));
    save("broken");
    await pause(100);
    expect(kinds()).toEqual(["applied", "problems"]);
    expect(world.containers.size).toBe(2);
    save([web({}), db]);
    await until(() => kinds().at(-1) === "mended");
  });

  it("repairs what was killed, also while a file is broken", async () => {
    save("broken");
    await until(() => kinds().includes("problems"));
    world.exit("web", 137, true);
    await until(() => world.container("web")?.held === false);
  });

  it("reports what failed by itself once and starts it when its file changes", async () => {
    world.exit("web", 1);
    await until(() => kinds().includes("ended"));
    save([web({}), environment("db", { command: ["db", "-v"] })]);
    await until(() => world.container("db")?.spec.command.length === 2);
    await pause(50);
    expect(kinds()).toEqual(["applied", "ended", "applied"]);
    expect(news[1]).toEqual({ kind: "ended", environment: "web", reason: "exited with code 1" });
    expect(world.container("web")).toBeUndefined();
    save([web({ env: { PORT: "1" } }), db]);
    await until(() => world.container("web")?.held === false);
  });

  it("leaves what its user stopped", async () => {
    await reconcile(world.machinery(), { kind: "stop", names: ["web"] }, null);
    await pause(400);
    save([web({ command: ["other"] }), environment("db", { command: ["db", "-v"] })]);
    await until(() => world.container("db")?.spec.command.length === 2);
    expect(world.container("web")).toBeUndefined();
  });

  it("does not interrupt again what it put back after a failed change", async () => {
    world.brokenOnce.add("start web");
    save([web({ command: ["broken"] }), db]);
    await until(() => kinds().length === 2);
    expect(news[1]).toMatchObject({ outcome: { results: [{ failure: { restored: true } }] } });
    const pid = world.container("web")?.pid;
    save([web({ command: ["broken"] }), environment("db", { command: ["db", "-v"] })]);
    await until(() => world.container("db")?.spec.command.length === 2);
    await pause(50);
    expect(world.container("web")).toMatchObject({ pid, spec: { command: ["serve"] } });
    save([web({ command: ["good"] }), db]);
    await until(() => world.container("web")?.spec.command[0] === "good");
  });

  it("leaves everything running at its end", async () => {
    ending.abort();
    await watching;
    expect(world.containers.size).toBe(2);
  });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 3000) throw new Error("it did not happen within 3 s");
    await pause(5);
  }
}
