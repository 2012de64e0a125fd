import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { completionScript } from "../../src/commands/completion/scripts.ts";

/** What bash offers for the words of a command line, the last of them unfinished. */
function offered(...words: string[]): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-completion-"));
  try {
    writeFileSync(join(directory, "pavlos"), "#!/bin/sh\necho api\necho worker\n", { mode: 0o755 });
    const script = [
      completionScript("bash"),
      `COMP_WORDS=(pavlos ${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length}`,
      "_pavlos",
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join("\n");
    const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
    const bash = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8", env, cwd: directory });
    expect(bash.stderr).toBe("");
    return bash.stdout.trim().split("\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("bash", () => {
  it("completes commands", () => {
    expect(offered("re")).toEqual(["restart"]);
    expect(offered("")).toContain("apply");
  });
  it("completes names of environments", () => expect(offered("shell", "")).toEqual(["api", "worker"]));
  it("completes options of the command and global ones", () => {
    expect(offered("exec", "api", "--w")).toEqual(["--workdir"]);
    expect(offered("diff", "--js")).toEqual(["--json"]);
  });
  it("does not take a global option's value for the command", () =>
    expect(offered("-C", "/tmp", "sto")).toEqual(["stop"]));
  it("completes programs behind --", () => expect(offered("exec", "api", "--", "tes")).toContain("test"));
  it("completes shells", () => expect(offered("completion", "f")).toEqual(["fish"]));
});

it.each(["bash", "zsh", "fish"] as const)("names every command for %s", (shell) => {
  const script = completionScript(shell);
  for (const name of ["apply", "doctor", "import", "watch"]) expect(script).toContain(name);
});
