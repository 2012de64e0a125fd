import { commandLine } from "./command-line.ts";
import { gpu } from "./gpu.ts";
import { launch } from "./launch.ts";
import { network, rootlessNetwork } from "./network.ts";
import { pull } from "./pull.ts";
import { record, type Suite } from "./report.ts";
import { scale } from "./scale.ts";
import { type Tools, tools } from "./tools.ts";
import { unpack } from "./unpack.ts";
import { warm } from "./warm.ts";
import { watch } from "./watch.ts";

const suites: Record<string, (tools: Tools) => Suite | Promise<Suite>> = {
  launch,
  "command-line": commandLine,
  unpack,
  pull,
  warm,
  gpu,
  scale,
  watch,
  network,
  "network-rootless": rootlessNetwork,
};

// Networks need a network namespace of their own: only by name.
const alone = ["network", "network-rootless"];
const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : Object.keys(suites).filter((name) => !alone.includes(name))) {
  const suite = suites[name];
  if (suite === undefined) throw new Error(`no suite ${name}: ${Object.keys(suites).join(", ")}`);
  const result = await suite(tools());
  record(name, result);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
