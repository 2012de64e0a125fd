import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeBundle } from "./bundle.ts";
import { version } from "./peers.ts";
import type { Row, Suite } from "./report.ts";
import { type Figures, type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

/** Launch: the same bundle by every runtime; bubblewrap does less (no seccomp, cgroup, state). */
export function launch(tools: Tools): Suite {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  try {
    const bundle = writeBundle(join(directory, "bundle"), tools.payload);
    const commands = contenders(tools, bundle, directory);
    const measured = time(tools.timer, commands, { rounds: 60, warmup: 5 });
    return {
      title: "Launch",
      about:
        "One container from start to exit: all namespaces, default seccomp profile, masks, cgroup, the same bundle for each runtime; bubblewrap with fewer features. Ratios are pavlosc over the peer; under 1 is better. The supervisor is what stays resident beside an idle container.",
      rows: commands.flatMap((command) => rows(command, measured, { directory, tools })),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function contenders(tools: Tools, bundle: string, directory: string): Timed[] {
  const root = join(bundle, "rootfs");
  const all: (Timed & { readonly program: string })[] = [
    {
      name: "pavlosc",
      program: tools.pavlosc,
      argv: [
        tools.pavlosc,
        "--root",
        join(directory, "state"),
        "run",
        "--bundle",
        bundle,
        "bench-pavlosc-{}",
      ],
    },
    { name: "crun", program: "crun", argv: ["/usr/bin/crun", "run", "--bundle", bundle, "bench-crun-{}"] },
    { name: "runc", program: "runc", argv: ["/usr/sbin/runc", "run", "--bundle", bundle, "bench-runc-{}"] },
    {
      name: "bubblewrap",
      program: "bwrap",
      argv: [
        "/usr/bin/bwrap",
        // Not --unshare-all: no user namespace can be made in a chroot, and the others have none either.
        ...["pid", "ipc", "uts", "net", "cgroup"].map((name) => `--unshare-${name}`),
        "--ro-bind",
        root,
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "/bin/payload",
      ],
    },
  ];
  return all.flatMap(({ program, ...timed }) => {
    const found = version(program);
    return found === null
      ? []
      : [{ ...timed, name: timed.name === "pavlosc" ? "pavlosc" : `${timed.name} (${found})` }];
  });
}

function rows(
  command: Timed,
  measured: Map<string, Figures>,
  { directory, tools }: { directory: string; tools: Tools },
): Row[] {
  const own = measured.get("pavlosc");
  const figures = measured.get(command.name);
  if (figures === undefined || figures.wallMs === null) {
    return [{ what: command.name, note: `failed: ${figures?.error.trim() ?? "not measured"}` }];
  }
  const ratio = own?.wallMs && command.name !== "pavlosc" ? own.wallMs / figures.wallMs : null;
  return [
    {
      what: command.name,
      "exit (ms)": figures.wallMs,
      "first instruction (ms)": figures.firstMs,
      "peak memory (KiB)": figures.rssKiB,
      "system calls": systemCalls(command, directory),
      "ratio of exit": ratio,
      "supervisor (KiB)": command.name === "pavlosc" ? supervisor(tools, directory) : null,
    },
  ];
}

/** Resident memory of the supervisor of an idle container, KiB. */
function supervisor(tools: Tools, directory: string): number {
  const id = "bench-idle";
  const bundle = writeBundle(join(directory, id), tools.payload, ["idle"]);
  const log = join(bundle, "output.log");
  const document = {
    version: 1,
    logs: { path: log, maxSize: 2 ** 20, maxFiles: 1 },
    stop: { signal: "SIGKILL", timeout: 1000 },
    status: join(bundle, "status.json"),
  };
  writeFileSync(join(bundle, "supervise.json"), JSON.stringify(document));
  const pavlosc = (...args: string[]) =>
    execFileSync(tools.pavlosc, ["--root", join(directory, "state"), ...args], { encoding: "utf8" });
  pavlosc("run", "--supervise", "--bundle", bundle, id);
  try {
    const state = JSON.parse(readFileSync(join(directory, "state", id, "state.json"), "utf8"));
    // It gives back what the start took once that is over and the first line is written.
    execFileSync("sleep", ["1"]);
    if (readFileSync(log, "utf8") === "") throw new Error("the container has said nothing");
    const status = readFileSync(`/proc/${state.supervisor.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  } finally {
    pavlosc("stop", id);
  }
}

/** All system calls of one run, with its children, as strace counts them; null without strace. */
function systemCalls(command: Timed, directory: string): number | null {
  const output = join(directory, "strace");
  const argv = command.argv.map((argument) => argument.replace("{}", "strace"));
  const run = spawnSync("strace", ["-f", "-c", "-U", "calls", "-o", output, ...argv], { encoding: "utf8" });
  if (run.error || run.status !== 0) return null;
  const total = readFileSync(output, "utf8").trim().split("\n").at(-1) ?? "";
  return Number.parseInt(total.trim(), 10) || null;
}
