import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** Ten steps; the eighth says `word`. */
const tenSteps = (word: string, last = "echo last > /last"): string => `
  from: {bootstrap: busybox}
  steps:
    - run: mkdir -p /work && echo first > /work/first
    - env: {GREETING: hello}
    - workdir: /work
    - run: echo "$GREETING" > greeting; id -u > who
    - copy: {from: ../app, to: /srv/app, owner: "1000:1000", mode: "0640", ignore: ["*.log"]}
    - run: grep -q "^a sec" /run/secrets/token && echo used > /secret-was-there
      secrets: {token: {env: TOKEN}}
    - run: echo kept > /var/cache/things/kept; rm /work/first
      caches: [/var/cache/things]
    - run: echo ${word} > /word
    - user: nobody
    - run: test "$(id -u)" = 65534 && test -w /tmp && ls / > /tmp/listed
    - user: root
    - run: ${last}`;

const environment = (steps: string) => `rootfs:${steps}\ncommand: [sleep, "1000"]\n`;
const secret = { env: { TOKEN: "a secret text" } };

interface Report {
  readonly builds: readonly {
    readonly environment: string;
    readonly key: string;
    readonly built: number;
    readonly cached: number;
  }[];
}

function build(at: World, ...names: string[]): Report["builds"] {
  const outcome = expectCode(at.pavlosWith(secret, "build", "--json", ...names), 0);
  return (JSON.parse(outcome.stdout) as Report).builds;
}

describe.each(callers())("a build as $kind", (caller) => {
  it("runs each step once, shares steps, leaves out secrets, and becomes a root", () => {
    const at = world(caller);
    try {
      at.write("app/file", "content\n");
      at.write("app/noise.log", "");
      at.write("environments/a.yaml", environment(tenSteps("one")));
      expect(build(at)).toMatchObject([{ built: 8, cached: 0 }]);
      // Nothing to do: the secret is not even looked for.
      const again = expectCode(at.pavlos("build"), 0);
      expect(again.stderr).toContain("= a: step 8 of 12, run echo one > /word (in the store)");
      expect(again.stdout).toContain("0 of 8 steps run");

      // A changed step runs again, with those behind it; two environments that begin alike share the rest.
      at.write("environments/b.yaml", environment(tenSteps("two")));
      at.write("environments/c.yaml", environment(tenSteps("two", "echo other > /last")));
      const [a, b, c] = build(at);
      expect(a).toMatchObject({ built: 0, cached: 8 });
      expect((b?.built ?? 0) + (c?.built ?? 0)).toBe(4);
      expect((b?.cached ?? 0) + (c?.cached ?? 0)).toBe(12);

      // Times do not count, content does.
      at.write("app/file", "content\n");
      expect(build(at, "a")).toMatchObject([{ built: 0, key: a?.key }]);
      expectCode(at.pavlosWith(secret, "apply", "--yes", "a"), 0);
      const inside = (text: string) =>
        expectCode(at.pavlos("exec", "a", "-u", "root", "--", "sh", "-c", text), 0).stdout;
      expect(inside("cat /work/greeting /word /last; cat /work/who; stat -c '%u:%g %a' /srv/app/file")).toBe(
        "hello\none\nlast\n0\n1000:1000 640\n",
      );
      expect(inside("ls -A /srv/app /work /run /var/cache; test -f /secret-was-there")).not.toMatch(
        /noise|first|secrets|things/,
      );
      expectCode(at.pavlos("diff", "a"), 0);
      at.write("app/file", "another content\n");
      const drift = expectCode(at.pavlos("diff", "a"), 2);
      expect(drift.stdout).toContain("what it is built from has changed");
      expect(at.command("grep", "-r", "-l", "a secret text", at.home).stdout).toBe("");
    } finally {
      at.end();
    }
  });

  it("that fails says where and why, keeps what was done, and leaves the running environment alone", () => {
    const at = world(caller);
    try {
      at.write("app/file", "");
      at.write("environments/a.yaml", environment(tenSteps("one")));
      expectCode(at.pavlosWith(secret, "apply", "--yes"), 0);
      const { pid } = at.ps("a");
      at.write(
        "environments/a.yaml",
        environment(tenSteps("one", "echo before; echo the reason >&2; exit 3")),
      );
      const failed = expectCode(at.pavlosWith(secret, "build"), 1);
      expect(failed.stderr).toContain(
        "step 12 of a (run echo before; echo the reason >&2; exit 3) ended with 3",
      );
      expect(failed.stderr).toMatch(/\| before\n +\| the reason/);
      expect(failed.stderr).toContain("environments/a.yaml:17:7");
      expectCode(at.pavlosWith(secret, "apply", "--yes"), 1);
      expect(at.ps("a")).toMatchObject({ pid, status: "running" });
      at.write("environments/a.yaml", environment(tenSteps("one").replace("grep -q", "true; grep -q")));
      expect(expectCode(at.pavlos("build"), 1).stderr).toContain("the variable TOKEN is not set");
      // Nothing half-made is left in the store.
      const layers = readdirSync(join(at.home, "data/store/layers"));
      expect(layers.filter((name) => name.startsWith(".tmp-"))).toEqual([]);
      expect(layers).toHaveLength(9);
    } finally {
      at.end();
    }
  });

  it("that is interrupted ends at once and leaves nothing of the step", async () => {
    const at = world(caller);
    try {
      at.write(
        "environments/a.yaml",
        environment(
          "\n  from: {bootstrap: busybox}\n  steps: [{run: 'trap \"\" TERM INT; echo begun; sleep 1000'}]",
        ),
      );
      const child = at.spawn("build", "-v");
      let said = "";
      const begun = new Promise<void>((resolve) => {
        child.stderr?.on("data", (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes("a | begun")) resolve();
        });
        child.on("close", () => resolve());
      });
      await begun;
      const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
      child.kill("SIGINT");
      expect(await closed).toBe(1);
      expect(said).toContain("the build of a was interrupted");
      expect(readdirSync(join(at.home, "data/store/layers"))).toHaveLength(1);
    } finally {
      at.end();
    }
  });

  it("happens once for two that want the same at the same time", async () => {
    const at = world(caller);
    try {
      chmodSync(at.project, 0o755);
      at.write(
        "environments/a.yaml",
        environment(
          "\n  from: {bootstrap: busybox}\n  steps: [{run: 'sleep 1; cat /proc/sys/kernel/random/uuid > /once'}]",
        ),
      );
      const ended = (child: ReturnType<World["spawn"]>) =>
        new Promise<string>((resolve) => {
          let text = "";
          child.stdout?.on("data", (chunk: Buffer) => {
            text += chunk.toString();
          });
          child.on("close", () => resolve(text));
        });
      const both = await Promise.all([
        ended(at.spawn("build", "--json")),
        ended(at.spawn("build", "--json")),
      ]);
      const built = both.map((text) => (JSON.parse(text) as Report).builds[0]?.built);
      expect(built.sort()).toEqual([0, 1]);
    } finally {
      at.end();
    }
  });
});
