import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { withHooks } from "../../src/commands/run/hooks.ts";
import type { Environment } from "../../src/model/environment.ts";

const run = (created: readonly (readonly string[])[], command: readonly string[]) => {
  const hooks = { created, started: [], stopping: [] };
  const [program = "", ...args] = withHooks({ command, hooks } as unknown as Environment).command;
  const { stdout, status } = spawnSync(program, args, { encoding: "utf8" });
  return { stdout, status };
};

it("runs the hooks first, each word as it was written", () => {
  expect(run([["echo", "it's a", "$HOME"]], ["echo", "done"])).toEqual({
    stdout: "it's a $HOME\ndone\n",
    status: 0,
  });
});
it("ends with the exit code of a hook that fails", () => {
  expect(run([["sh", "-c", "exit 9"]], ["echo", "never"])).toEqual({ stdout: "", status: 9 });
});
it("leaves a command without hooks as it is", () => {
  const environment = {
    command: ["true"],
    hooks: { created: [], started: [], stopping: [] },
  } as unknown as Environment;
  expect(withHooks(environment)).toBe(environment);
});
