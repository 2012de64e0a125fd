import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { chooseHarm, harmed, ownDisk, removeDisk } from "./support/harm.ts";
import { leftovers, projects } from "./support/leftovers.ts";
import { type Random, random } from "./support/random.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

/**
 * Random plans, and harm in the middle of them: pavlos, a pavlosc or a supervisor is killed at one of its
 * system calls, the disk fills up, a directory may not be written. Plan and harm come from a seed, which a
 * failure names: PAVLOS_SEED=n, or n-m, does the same again. PAVLOS_LONG=1 makes 1,000 runs.
 */
const runs = process.env.PAVLOS_LONG ? 500 : 13;
const [first = 1, last = first] = (process.env.PAVLOS_SEED ?? `1-${runs}`).split("-").map(Number);

const names = ["api", "db", "web"] as const;

interface Wish {
  readonly root: "root" | "other";
  readonly text: string;
}
type Wishes = ReadonlyMap<string, Wish>;

describe.each(callers())("killed in the middle of a random plan as $kind", (caller) => {
  let at: World;
  let disk: boolean;
  beforeEach(() => {
    at = world(caller);
    disk = ownDisk(at);
    busyboxRoot(at);
    busyboxRoot(at, "other");
  });
  afterEach(() => {
    try {
      expectCode(at.pavlos("destroy", "--yes"), 0);
      expect(leftovers(at.directory).filter((line) => !line.includes(` ${at.home} `))).toEqual([]);
    } finally {
      if (disk) removeDisk(at);
    }
    at.end();
  });

  it(`seeds ${first} to ${last}: it converges, and no layer or volume is lost`, {
    timeout: 7_200_000,
  }, async () => {
    let before = wishesBefore(first);
    write(before);
    expectCode(at.pavlos("apply", "--yes"), 0);
    let marks = marksOf(before);
    for (let seed = first; seed <= last; seed += 1) {
      const { after, target, chance } = turn(seed, before);
      write(after);
      const harm = chooseHarm(chance, disk, directories());
      const story = `seed ${seed}: ${await harmed(at, harm, "apply", "--yes")}, then ${target === after ? "on" : "back"}`;
      if (process.env.PAVLOS_LONG) console.log(story);
      // Who was to go has no claim to its layer any more.
      const kept = names.filter((name) => after.has(name) && recordedRoot(name) === before.get(name)?.root);
      write(target);
      const done = at.pavlos("apply", "--yes");
      expect(`${story}: ${done.code} ${done.code === 0 ? "" : done.stderr}`).toBe(`${story}: 0 `);
      const diff = at.pavlos("diff");
      expect(`${story}: ${diff.stdout}${diff.stderr}`).toContain("Nothing to do");
      const now = marksOf(target);
      for (const name of kept) {
        const isSame = target.get(name)?.root === before.get(name)?.root;
        // Another root has a layer of its own; the old one is a snapshot.
        const found = isSame ? now.get(name) : markIn(name, "snapshots/before-recreate/upper");
        if (before.has(name))
          expect(`${story}: layer of ${name} ${found}`).toBe(`${story}: layer of ${name} ${marks.get(name)}`);
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
  const asides = () =>
    names
      .flatMap((name) => [join(name, "upper.aside"), join(name, "upper.aside.json")])
      .filter((path) => existsSync(join(projectDirectory(), path)));

  const markIn = (name: string, layer: string): string => {
    const file = join(projectDirectory(), name, layer, "root/mark");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };

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
    new Map([...wanted.keys()].map((name) => [name, waitFor(() => markIn(name, "upper"), /\n/)]));

  /** Those that an apply writes in. */
  const directories = (): readonly string[] => [
    join(at.home, "data"),
    join(at.home, "run"),
    join(at.home, "run/containers"),
    projectDirectory(),
    join(at.home, "data/volumes"),
    ...names.flatMap((name) => ["", "bundle", "logs"].map((part) => join(projectDirectory(), name, part))),
  ];
});

/** What a seed does to what is there: nothing but the seed counts, so that it can be had again. */
function turn(seed: number, before: Wishes) {
  const chance = random(seed * 7919);
  const after = wishes(chance, before);
  // On with it, or back to what was.
  const target = chance.below(3) === 0 ? before : after;
  return { after, target, chance };
}

function wishesBefore(seed: number): Wishes {
  let wanted = wishes(random(0), new Map());
  for (let earlier = 1; earlier < seed; earlier += 1) wanted = turn(earlier, wanted).target;
  return wanted;
}

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
  // Again and again: the disk may be full just now.
  const write = (path: string, what: string) =>
    `until test -s ${path}; do ${what} > ${path}; sleep 0.1; done`;
  const mark = `${write("/mark", "cat /proc/sys/kernel/random/uuid")}; ${write("/shared/mark", "echo kept")}`;
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
