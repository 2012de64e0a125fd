import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("plans and what they are about as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    for (const name of ["api", "db"]) write(name);
  });
  afterEach(() => at.end());

  const write = (name: string, more = "") =>
    at.write(
      `environments/${name}.yaml`,
      `rootfs: ../root\ncommand: [sleep, "1000"]\nlabels: {kind: ${name}}\n${more}`,
    );

  it("applies a kept plan without a question, and refuses it once files or machine have changed", () => {
    expectCode(at.pavlos("diff", "--out", "plan.json"), 2);
    expect(statSync(join(at.project, "plan.json")).mode & 0o777).toBe(0o600);
    expectCode(at.pavlos("apply", "plan.json"), 0);
    expect(at.ps("api").status).toBe("running");
    const again = expectCode(at.pavlos("apply", "plan.json"), 1);
    expect(again.stderr).toContain("`api` exists now");

    write("api", "env: {A: '1'}\n");
    expectCode(at.pavlos("diff", "--out", "plan.json"), 2);
    write("api", "env: {A: '2'}\n");
    const { pid } = at.ps("api");
    const changed = expectCode(at.pavlos("apply", "./plan.json", "--json"), 1);
    expect(JSON.parse(changed.stdout).error.places).toMatchObject([
      { code: "plan-stale", file: "environments/api.yaml", line: 4 },
    ]);
    expectCode(at.pavlos("diff", "--out", "plan.json", "api"), 2);
    expectCode(at.pavlos("stop", "db"), 0);
    expect(at.ps("api").pid).toBe(pid);
    expectCode(at.pavlos("apply", "plan.json"), 0);
    expect(at.ps("api").pid).not.toBe(pid);
    expect(at.ps("db").status).toBe("stopped");
  });

  it("does only what labels, names and exclusions leave", () => {
    expectCode(at.pavlos("apply", "--yes", "-l", "kind=api"), 0);
    expect([at.ps("api").status, at.ps("db").status]).toEqual(["running", "missing"]);
    expectCode(at.pavlos("apply", "--yes", "--exclude", "db"), 0);
    expect(at.ps("db").status).toBe("missing");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("destroy", "--yes", "--label", "kind", "--exclude", "api"), 0);
    expect([at.ps("api").status, at.ps("db").status]).toEqual(["running", "missing"]);
    expect(expectCode(at.pavlos("diff", "-l", "kind=web"), 1).stderr).toContain("kind=web");
  });
});
