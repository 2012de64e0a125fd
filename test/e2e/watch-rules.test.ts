import type { ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("watch as $kind", (caller) => {
  let at: World;
  let watching: ChildProcess;
  let said = "";
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    at.write(".gitignore", "*.log\nbuild/\n");
    for (const path of ["src/a.txt", "src/build/x", "conf/app.conf"]) at.write(path, "first\n");
    at.write("environments/other.yaml", "rootfs: ../root\n");
  });
  afterEach(async () => {
    const ended = new Promise((resolve) => watching.once("exit", resolve));
    watching.kill("SIGINT");
    await ended;
    at.end();
  });

  const start = (...args: string[]) => {
    said = "";
    watching = at.spawn("watch", ...args);
    watching.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    watching.stdout?.resume();
  };
  const save = (pids: number, more = "") =>
    writeFileSync(
      join(at.project, "environments/api.yaml"),
      `rootfs: ../root\ncommand: sleep 1000\nlabels: {n: "${pids}"}\n${more}`,
    );
  const inside = (command: string) => at.pavlos("exec", "api", "--", "sh", "-c", command).stdout;
  const status = (name: string) =>
    (JSON.parse(at.pavlos("ps", "--json").stdout || "[]") as { name: string; status: string }[]).find(
      (entry) => entry.name === name,
    )?.status ?? "none";

  it("copies, runs and restarts as its rules say, and only for files that count", () => {
    at.write("environments/api.yaml", "");
    save(
      1,
      `watch:
  - {path: ../src, action: sync, target: /srv/src, ignore: ["*.tmp"]}
  - {path: ../src, action: exec, command: "cat /srv/src/a.txt >>/tmp/seen"}
  - {path: ../conf/app.conf, action: restart}
`,
    );
    start("api");
    waitFor(() => status("api"), /^running$/);
    expect(status("other")).toBe("missing");
    waitFor(() => {
      // The rules count once the first apply is through.
      at.write("src/a.txt", `second ${Math.random()}\n`);
      return inside("cat /srv/src/a.txt");
    }, /second/);
    waitFor(() => inside("cat /tmp/seen"), /second/);
    for (const path of ["src/b.log", "src/build/y", "src/c.tmp"]) at.write(path, "no\n");
    mkdirSync(join(at.project, "src/new/deep"), { recursive: true });
    writeFileSync(join(at.project, "src/new/deep/d.txt"), "deep\n");
    waitFor(() => inside("cat /srv/src/new/deep/d.txt"), /deep/);
    expect(inside("cd /srv/src; ls -R").split("\n").sort().join(" ")).not.toMatch(/log|tmp|build/);
    rmSync(join(at.project, "src/a.txt"));
    waitFor(() => inside("ls /srv/src; echo end"), /^new\nend/);

    const { pid } = at.ps("api");
    at.write("conf/app.conf", "first\n");
    at.write("conf/other.conf", "no\n");
    at.write("src/last.txt", "x\n");
    waitFor(() => inside("ls /srv/src"), /last/);
    expect(at.ps("api").pid).toBe(pid);
    at.write("conf/app.conf", "second\n");
    waitFor(() => String(at.ps("api").pid ?? pid), new RegExp(`^(?!${pid}$)\\d+$`));
  });

  it("works after many saves as after the first, and has not grown", { timeout: 1_200_000 }, async () => {
    at.write("environments/api.yaml", "");
    save(0);
    start();
    waitFor(() => status("api"), /^running$/);
    const saves = process.env.PAVLOS_LONG ? 10_000 : 200;
    const { pid } = at.ps("api");
    const measure = () => {
      const main = mainOf(watching.pid ?? 0);
      const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${main}/status`, "utf8"))?.[1]);
      return { descriptors: readdirSync(`/proc/${main}/fd`).length, rss };
    };
    const settled = (n: number) => {
      save(n);
      waitFor(
        () => (at.pavlos("config", "api").stdout.includes(String(n)) ? String(at.pavlos("diff").code) : ""),
        /^0$/,
      );
    };
    settled(1);
    const before = measure();
    for (let n = 2; n < saves; n += 1) {
      save(n);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    settled(saves);
    const after = measure();
    if (process.env.PAVLOS_LONG) console.log(`${saves} saves: ${JSON.stringify({ before, after })}`);
    expect(at.ps("api").pid).toBe(pid);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
    expect(after.rss).toBeLessThan(before.rss + (60 << 10));
    expectCode(at.pavlos("diff"), 0);
    expect(said).toContain("api: noted");
  });
});

/** bin/pavlos becomes the program itself; setpriv and sh have no child left. */
function mainOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const [child = ""] = children;
  return child !== "" && /node|pavlos/.test(readFileSync(`/proc/${child}/comm`, "utf8"))
    ? Number(child)
    : pid;
}
