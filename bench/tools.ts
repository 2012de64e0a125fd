import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const project = join(import.meta.dirname, "..");

/** Absolute paths of what bench/ runs; scripts/bench builds them. */
export interface Tools {
  readonly pavlos: string;
  readonly pavlosc: string;
  readonly timer: string;
  readonly payload: string;
}

/** Finds the release builds. Throws with the next step when one is missing. */
export function tools(): Tools {
  const release = releaseDirectory();
  const found = {
    pavlos: join(project, "bin/pavlos"),
    pavlosc: join(release, "pavlosc"),
    timer: join(release, "examples/bench_timer"),
    payload: join(release, "examples/bench_payload"),
  };
  for (const path of Object.values(found)) {
    if (!existsSync(path))
      throw new Error(`${path} is missing: run npm run bench where cargo is installed first`);
  }
  return found;
}

function releaseDirectory(): string {
  const target = join(project, "native/target");
  const triple = existsSync(target)
    ? readdirSync(target).find((name) => name.includes("-linux-"))
    : undefined;
  return join(target, triple ?? "", "release");
}
