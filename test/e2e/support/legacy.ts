import { join } from "node:path";
import type { World } from "./world.ts";

/** A file of the first Pavlos that asks for the third GPU, and runs a script in the project's root. */
export const thirdGpuBox = (at: World, script: string): string =>
  at.write(
    "box.json",
    JSON.stringify({
      name: "box",
      rootFs: join(at.project, "root"),
      nvidiaGpus: [2],
      runtimeArgs: ["sh", "-c", script],
    }),
  );
