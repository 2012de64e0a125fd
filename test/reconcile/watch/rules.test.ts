import { describe, expect, it } from "vitest";
import type { WatchRule } from "../../../src/model/environment.ts";
import { directoriesTo, errandsFor } from "../../../src/reconcile/watch/rules.ts";
import { environment } from "../support/environments.ts";

const errands = (watch: readonly WatchRule[], paths: readonly string[], gone: readonly string[] = []) =>
  errandsFor(
    [environment("web", { watch }), environment("other")],
    [...paths.map((path) => ({ path, gone: false })), ...gone.map((path) => ({ path, gone: true }))],
    (rule, path) => rule.ignore.some((pattern) => path.endsWith(pattern)),
  );

const sync: WatchRule = { path: "/p/src", ignore: [".log"], action: "sync", target: "/srv" };
const exec: WatchRule = { path: "/p/src", ignore: [], action: "exec", command: ["make"] };

describe("rules ask", () => {
  it("for nothing when a file is not below their path, or left out", () => {
    expect(errands([sync], ["/p/srcx/a", "/p/src/a.log"])).toEqual([]);
  });
  it("for copies to the same place below the target, and for removals", () => {
    expect(errands([sync], ["/p/src/a/b.js"], ["/p/src/old"])).toMatchObject([
      {
        environment: "web",
        copies: [
          { from: "/p/src/a/b.js", to: "/srv/a/b.js" },
          { from: null, to: "/srv/old" },
        ],
        restart: false,
      },
    ]);
    expect(
      errands([{ ...sync, path: "/p/app.conf", target: "/etc/app.conf" }], ["/p/app.conf"]),
    ).toMatchObject([{ copies: [{ to: "/etc/app.conf" }] }]);
  });
  it("for each command once, after the copies", () => {
    expect(errands([sync, exec], ["/p/src/a", "/p/src/b"])).toMatchObject([
      {
        copies: [{ to: "/srv/a" }, { to: "/srv/b" }],
        commands: [["make"]],
        because: ["/p/src/a", "/p/src/b"],
      },
    ]);
  });
  it("for a rebuild alone, whatever else", () => {
    const rebuild: WatchRule = { path: "/p", ignore: [], action: "rebuild" };
    expect(errands([sync, exec, rebuild], ["/p/src/a"])).toMatchObject([
      { rebuild: true, copies: [], commands: [], restart: false },
    ]);
  });
});

it("knows the directories between a path and a root", () => {
  expect(directoriesTo("/p/a/b/c.txt", "/p")).toEqual(["/p", "/p/a", "/p/a/b"]);
  expect(directoriesTo("/q/c.txt", "/p")).toEqual([]);
});
