import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "./peers.ts";
import type { Row, Suite } from "./report.ts";
import { type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const formats = { tar: null, "tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz" } as const;

/** Unpack: this machine's /usr (a part of it) packed in four ways, unpacked to memory. */
export function unpack(tools: Tools): Suite {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "pavlos-bench-"));
  try {
    return {
      title: "Unpack",
      about:
        "An archive of /usr/lib and /usr/bin of the machine, unpacked on tmpfs; pavlosc also hashes it and places each entry beneath descriptors. Ratios are pavlosc over the peer.",
      rows: Object.entries(formats).map(([name, filter]) => row(tools, directory, { name, filter })),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function row(
  tools: Tools,
  directory: string,
  format: { readonly name: string; readonly filter: string | null },
): Row {
  const archive = join(directory, `archive.${format.name}`);
  const pack = ["-cf", archive, ...(format.filter ? [`--${format.filter}`] : []), "-C", "/usr", "bin", "lib"];
  spawnSync("tar", pack, { env: { ...process.env, XZ_OPT: "-1", GZIP: "-6" } });
  const commands = contenders(tools, archive, directory);
  const measured = time(tools.timer, commands, { rounds: 5, warmup: 1 });
  rmSync(archive);
  const own = measured.get("pavlosc")?.wallMs ?? null;
  const row: Record<string, string | number | null> = {
    "pavlosc (ms)": own,
    "peak memory (KiB)": measured.get("pavlosc")?.rssKiB ?? null,
  };
  for (const [name, figures] of measured) {
    if (name === "pavlosc") continue;
    row[`${name} (ms)`] = figures.wallMs;
    row[`ratio to ${name}`] = own !== null && figures.wallMs !== null ? own / figures.wallMs : null;
  }
  return { what: format.name, ...row };
}

function contenders(tools: Tools, archive: string, directory: string): Timed[] {
  const target = join(directory, "out");
  mkdirSync(target, { recursive: true });
  const after = ["/bin/sh", "-c", `rm -rf ${target} && mkdir ${target}`];
  const all: Timed[] = [
    { name: "pavlosc", argv: [tools.pavlosc, "unpack", archive, target], after },
    { name: "GNU tar", argv: ["/bin/tar", "--numeric-owner", "-xpf", archive, "-C", target], after },
  ];
  const bsdtar = version("bsdtar");
  if (bsdtar !== null)
    all.push({ name: "bsdtar", argv: ["/usr/bin/bsdtar", "-xpf", archive, "-C", target], after });
  return all;
}
