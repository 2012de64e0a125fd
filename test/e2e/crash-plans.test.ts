import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { projects } from "./support/leftovers.ts";
import { type Random, random } from "./support/random.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

/**
 * Random plans, and somebody killed in the middle of them: pavlos, a pavlosc or a supervisor. Each run has
 * a seed of its own, which a failure names: PAVLOS_SEED=n repeats it alone. PAVLOS_LONG=1 makes 1,000 runs.
 */
const runs = process.env.PAVLOS_LONG ? 500 : 13;
const only = process.env.PAVLOS_SEED;
const seeds = only ? [Number(only)] : Array.from({ length: runs }, (_, index) => index + 1);

const names = ["api", "db", "web"] as const;

interface Wish {
  readonly root: "root" | "other";
  readonly text: string;
}
type Wishes = ReadonlyMap<string, Wish>;

describe.each(callers())("killed in the middle of a random plan as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    busyboxRoot(at, "other");
  });
  afterEach(() => at.end());

  it(`${seeds.length} times: it converges, and no layer or volume is lost`, {
    timeout: 7_200_000,
  }, async () => {
    let before: Wishes = new Map();
    let marks: ReadonlyMap<string, string> = new Map();
    for (const seed of seeds) {
      const chance = random(seed * 7919 + caller.uid);
      // Alone it needs a state to begin with.
      if (before.size === 0) {
        before = wishes(chance, new Map());
        write(before);
        expectCode(at.pavlos("apply", "--yes"), 0);
        marks = marksOf(before);
      }
      const after = wishes(chance, before);
      write(after);
      const killed = await applyAndKill(chance);
      const kept = new Set(names.filter((name) => recordedRoot(name) === before.get(name)?.root));
      // On with it, or back to what was.
      const target = chance.below(3) === 0 ? before : after;
      write(target);
      const story = `seed ${seed}: ${killed}, then ${target === after ? "on" : "back"}`;
      const done = at.pavlos("apply", "--yes");
      expect(`${story}: ${done.code} ${done.code === 0 ? "" : done.stderr}`).toBe(`${story}: 0 `);
      const diff = at.pavlos("diff");
      expect(`${story}: ${diff.stdout}${diff.stderr}`).toContain("Nothing to do");
      const now = marksOf(target);
      for (const [name, mark] of marks) {
        if (kept.has(name as (typeof names)[number]) && target.get(name)?.root === before.get(name)?.root)
          expect(`${story}: layer of ${name} ${now.get(name)}`).toBe(`${story}: layer of ${name} ${mark}`);
      }
      expect(`${story}: ${readFileSync(volume(), "utf8")}`).toBe(`${story}: kept\n`);
      expect(readdirSync(join(at.home, "run/containers")).length, story).toBe(target.size);
      expect(asides(), story).toEqual([]);
      before = target;
      marks = now;
    }
  });

  const projectDirectory = () => join(at.home, "data/environments", projects(at.directory)[0] ?? "");
  const volume = () => join(at.home, "data/volumes", projects(at.directory)[0] ?? "", "shared/mark");
  const asides = () => names.filter((name) => existsSync(join(projectDirectory(), name, "upper.aside")));

  /** What a crash may leave is repaired from this: an environment whose record says so has its old layer. */
  const recordedRoot = (name: string): string | null => {
    const file = join(projectDirectory(), name, "record.json");
    if (!existsSync(file)) return null;
    const { spec } = JSON.parse(readFileSync(file, "utf8")) as { spec: { rootfs: { path: string } } };
    return spec.rootfs.path.endsWith("/other") ? "other" : "root";
  };

  const write = (wanted: Wishes) => {
    for (const name of names) {
      const wish = wanted.get(name);
      if (wish === undefined) rmSync(join(at.project, `environments/${name}.yaml`), { force: true });
      else at.write(`environments/${name}.yaml`, wish.text);
    }
  };

  /** Written by each environment once into its layer; waited for. */
  const marksOf = (wanted: Wishes): ReadonlyMap<string, string> =>
    new Map(
      [...wanted.keys()].map((name) => {
        const file = join(projectDirectory(), name, "upper/root/mark");
        return [name, waitFor(() => (existsSync(file) ? readFileSync(file, "utf8") : ""), /\n/)];
      }),
    );

  /** Says who was killed and when. */
  const applyAndKill = (chance: Random) =>
    new Promise<string>((resolve) => {
      const after = Math.round(chance.next() ** 2 * 600);
      const who = chance.pick(["pavlos", "native"] as const);
      const place = chance.next();
      const child = at.spawn("apply", "--yes");
      const said: string[] = [];
      const timer = setTimeout(() => {
        if (who === "pavlos") child.kill("SIGKILL");
        const natives = who === "native" ? runningNatives() : [];
        const pid = natives[Math.floor(place * natives.length)];
        if (pid !== undefined) process.kill(pid, "SIGKILL");
        said.push(pid === undefined ? who : `pavlosc ${pid}`);
      }, after);
      child.stdout?.resume();
      child.stderr?.resume();
      child.on("exit", () => {
        clearTimeout(timer);
        resolve(`${said[0] ?? "nobody"} killed after ${after} ms`);
      });
    });

  /** Every pavlosc of this world: those that pavlos waits for, and supervisors. */
  const runningNatives = (): readonly number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        const line = read(`/proc/${pid}/cmdline`).split("\0");
        return line[0]?.endsWith("/pavlosc") && line.includes(join(at.home, "run/containers"));
      })
      .map(Number);
});

function wishes(chance: Random, before: Wishes): Wishes {
  const wanted = new Map<string, Wish>();
  for (const name of names) {
    // Some stay as they are, some go.
    const fate = chance.below(8);
    const old = before.get(name);
    if (fate === 0 && name !== "db") continue;
    wanted.set(name, fate < 3 && old !== undefined ? old : wish(name, chance));
  }
  return wanted;
}

function wish(name: string, chance: Random): Wish {
  const root = chance.pick(["root", "root", "other"] as const);
  const mark =
    "test -e /mark || echo $(cat /proc/sys/kernel/random/uuid) > /mark; test -e /shared/mark || echo kept > /shared/mark";
  const lines = [
    `rootfs: ../${root}`,
    `command: '${mark}; sleep ${1000 + chance.below(3)}'`,
    `mounts: ['shared:/shared'${chance.pick(["", ", 'more:/more'", ", 'more:/more:ro'"])}]`,
    `hostname: ${chance.pick(["one", "two"])}`,
    `labels: {turn: ${chance.below(3)}}`,
    `stop: {signal: KILL, timeout: ${1 + chance.below(2)}s}`,
    chance.pick(["", "restart: always", "restart: {policy: on-failure, backoff: 10ms}"]),
    chance.pick(["", "", "health: {command: 'true', interval: 1s}"]),
    name === "web" ? chance.pick(["", "dependsOn: [db]"]) : "",
  ];
  return { root, text: `${lines.join("\n")}\n` };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // It has ended, or is nobody's business.
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
