import { commands } from "./commands/table.ts";
import { loadCompiled } from "./host/compiled.ts";

type Program = typeof import("./commands/main.ts");

/** Set by the build: the file of the program, beside this one. */
declare const pavlosProgram: string;

const argv = process.argv.slice(2);
const purpose = argv.find((word) => commands.some(({ name }) => name === word)) ?? "other";
const { exports, keep } = loadCompiled(`${import.meta.dirname}/${pavlosProgram}`, purpose);
const { main, usedParts } = exports as Program;

void main(argv).then((value) => {
  keep(usedParts());
  // Everything was written synchronously: nothing is lost by leaving at once.
  process.exit(value);
});
