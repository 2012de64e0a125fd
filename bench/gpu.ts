import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { machines } from "../test/fixtures/nvidia/machines.ts";
import { writeTree } from "../test/fixtures/nvidia/tree.ts";
import type { Row, Suite } from "./report.ts";
import { writeRoot } from "./services.ts";
import { pairedDifference, type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const rounds = 25;
/** Of whole applies, whose times differ more from one to the next than the GPUs cost. */
const pairs = 400;

/** A file system that is not that of the driver: there each of its files is mounted by itself. */
const elsewhere = "/dev/shm";

/**
 * What GPUs cost: a start with the eight of a fixture (a DGX H100, the full set of libraries) against the
 * same start without, and the look at the machine by a process that has just begun.
 */
export async function gpu(tools: Tools): Promise<Suite> {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  const other = mkdtempSync(join(elsewhere, "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  process.env.PAVLOS_DRIVER_ROOT = writeTree(join(directory, "machine"), machines.dgx);
  try {
    const root = join(directory, "root");
    writeRoot(root);
    const place = { directory, root };
    const without = project(tools, { ...place, name: "without", gpus: "none" });
    const all = project(tools, { ...place, name: "all", gpus: "{capabilities: [all]}" });
    const whole = compared(tools, "apply of 1, with 8 GPUs and all capabilities", [without, all]);
    const starts = [without, all].map((one) => start(tools, directory, one));
    const alone = compared(
      tools,
      "of that, pavlosc: start of the same bundles until the end of /bin/true",
      starts,
    );
    sawDriver(directory, "linked");
    process.env.PAVLOS_HOME = join(other, "home");
    const apart = compared(tools, "apply of 1, the driver on another file system than the store", [
      without,
      all,
    ]);
    sawDriver(other, "mounted");
    const bundled = await bundledLook(directory);
    const looks = (["cold", "cached"] as const).map((how) => look(bundled, directory, how));
    return {
      title: "GPUs",
      about: `A fixture with 8 GPUs and the full set of libraries. Budgets: 5 ms for attaching (the median difference of ${pairs} pairs of a start with GPUs and the same start without), 10 ms for the look at a machine by a process that has just begun (bundled and with V8's kept code, as the program is).`,
      rows: [
        whole,
        alone,
        apart,
        { what: "look at the machine, first of a boot or driver", "with (ms)": looks[0] ?? null },
        { what: "look at the machine, driver known", "with (ms)": looks[1] ?? null },
      ],
    };
  } finally {
    for (const made of [directory, other]) rmSync(made, { recursive: true, force: true });
  }
}

/** Throws unless the driver was attached in this way: else two rows would be about the same. */
function sawDriver(directory: string, how: "linked" | "mounted"): void {
  const names = readdirSync(join(directory, "home/data/store/drivers"));
  if (names.length === 0 || names.some((name) => name.endsWith("-mounted") !== (how === "mounted")))
    throw new Error(`the driver was not ${how}: ${names.join(", ")}`);
}

/** The second against the first, in pairs. */
function compared(tools: Tools, what: string, commands: readonly Timed[]): Row {
  const measured = time(tools.timer, commands, { rounds: pairs, warmup: 5 });
  const [before, after] = commands.map(({ name }) => measured.get(name));
  const failed = [before, after].find((figures) => figures !== undefined && figures.failed > 0);
  return {
    what,
    "with (ms)": after?.wallMs ?? null,
    "without (ms)": before?.wallMs ?? null,
    "difference (ms)": pairedDifference(before, after),
    ...(failed ? { note: failed.error.trim().slice(0, 200) } : {}),
  };
}

interface Wanted {
  readonly directory: string;
  readonly root: string;
  readonly name: string;
  readonly gpus: string;
}

function project({ pavlos }: Tools, { directory, root, name, gpus }: Wanted): Timed {
  const at = join(directory, name);
  mkdirSync(join(at, "environments"), { recursive: true });
  mkdirSync(join(at, ".git"));
  writeFileSync(
    join(at, "environments/gpu.yaml"),
    `rootfs: {path: ${root}}\ncommand: [/bin/sleep, infinity]\ngpus: ${gpus}\n`,
  );
  return {
    name,
    argv: [pavlos, "-C", at, "apply", "--yes", "--quiet"],
    after: [pavlos, "-C", at, "destroy", "--yes", "--quiet"],
  };
}

/** The bundle that an apply leaves, with a command that ends at once, by pavlosc alone. */
function start({ pavlosc }: Tools, directory: string, { name, argv }: Timed): Timed {
  const [pavlos = "", ...args] = argv;
  for (const all of [args, ["-C", args[1] ?? "", "stop", "--quiet"]]) {
    const done = spawnSync(pavlos, all, { encoding: "utf8" });
    if (done.status !== 0) throw new Error(done.stderr);
  }
  const environments = join(directory, "home/data/environments");
  const id = readdirSync(environments).find((project) => project.startsWith(`${name}-`)) ?? "";
  const bundle = join(environments, id, "gpu/bundle");
  const config = readFileSync(join(bundle, "config.json"), "utf8");
  // Numbers larger than JavaScript's are in it: the text stays.
  const changed = config.replace(/"args":\[[^\]]*\]/, '"args":["/bin/true"]');
  if (changed === config) throw new Error(`${bundle}/config.json has no command`);
  writeFileSync(join(bundle, "config.json"), changed);
  const state = join(directory, "state");
  return { name, argv: [pavlosc, "--root", state, "run", "--bundle", bundle, `bench-${name}-{}`] };
}

/** The look alone, bundled as the program is: V8 then keeps its code from start to start in the same way. */
async function bundledLook(directory: string): Promise<string> {
  const outfile = join(directory, "look.cjs");
  await build({
    stdin: { contents: lookSource, resolveDir: join(import.meta.dirname, "../src"), loader: "ts" },
    outfile,
    bundle: true,
    platform: "node",
    target: "node22.18",
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: "(function(exports,require,module,__filename,__dirname){" },
    footer: { js: "})" },
  });
  return outfile;
}

const lookSource = `
  import { driverTreeOf } from "./host/driver-tree.ts";
  import { lookForDriver } from "./providers/devices/nvidia/resolve.ts";
  import { realFiles } from "./host/real-files.ts";
  export const look = (run: string) =>
    lookForDriver(driverTreeOf(process.env), { files: realFiles, paths: { run }, host: { kernel: "6.12.0" } } as never);`;

/** Median of fresh processes, each timed by itself around the look alone. */
function look(bundled: string, directory: string, how: "cold" | "cached"): number | null {
  const compiled = join(import.meta.dirname, "../src/host/compiled.ts");
  const code = `
    const { loadCompiled } = await import(${JSON.stringify(compiled)});
    const { exports, keep } = loadCompiled(${JSON.stringify(bundled)}, ${JSON.stringify(how)});
    const begin = performance.now();
    exports.look(process.argv[1]);
    console.log(performance.now() - begin);
    keep([]);`;
  const env = { ...process.env, XDG_CACHE_HOME: join(directory, "cache") };
  const once = (round: number): number => {
    // A directory of its own has nothing of former looks: the look is a first one.
    const run = join(directory, how === "cold" ? `run-${round}` : "run");
    const argv = ["--input-type=module", "-e", code, run];
    const done = spawnSync(process.execPath, argv, { encoding: "utf8", env });
    if (done.status !== 0) throw new Error(done.stderr);
    return Number(done.stdout);
  };
  // In the first three starts V8's code is made.
  const times = Array.from({ length: rounds + 3 }, (_, round) => once(round)).slice(3);
  return times.sort((left, right) => left - right)[Math.floor(rounds / 2)] ?? null;
}
