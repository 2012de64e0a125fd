import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { type Terminal, terminal, waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("watch in a real terminal as $kind", (caller) => {
  let at: World;
  let tty: Terminal;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    write("sleep 1000");
    tty = terminal(at);
    tty.until(/outside>/);
    tty.type("pavlos watch");
    tty.press("Enter");
    waitFor(status, /^running$/);
  });
  afterEach(() => {
    tty.close();
    at.end();
  });

  const write = (command: string, more = "") =>
    at.write("environments/api.yaml", `rootfs: ../root\ncommand: ${command}\n${more}`);
  const status = () => {
    const list = JSON.parse(at.pavlos("ps", "--json").stdout || "[]") as { status: string }[];
    return list[0]?.status ?? "none";
  };
  const pid = () => at.ps("api").pid as number;
  const newPid = (old: number) =>
    waitFor(() => String(at.ps("api").pid ?? old), new RegExp(`^(?!${old}$)\\d+$`));

  it("makes a saved command so", () => {
    const old = pid();
    write("sleep 2000");
    newPid(old);
    tty.until(/api[\s\S]*restart/);
  });

  it("changes a saved label and keeps the process", () => {
    const old = pid();
    write("sleep 1000", "labels: {team: search}\n");
    waitFor(() => String(at.pavlos("diff").code), /^0$/);
    expect(pid()).toBe(old);
  });

  it("shows what is wrong with a broken file, keeps what runs, and goes on when it is mended", () => {
    const old = pid();
    write("sleep 1000", "resorces: {}\n");
    tty.until(/did you mean/);
    expect(pid()).toBe(old);
    write("sleep 3000");
    newPid(old);
  });

  it("repairs what was killed", () => {
    const old = pid();
    process.kill(old, "SIGKILL");
    newPid(old);
  });

  it("takes up a new file and lets go of a removed one", () => {
    at.write("environments/second.yaml", "rootfs: ../root\ncommand: sleep 1000\n");
    waitFor(() => at.pavlos("ps").stdout, /second/);
    at.command("rm", `${at.project}/environments/second.yaml`);
    waitFor(() => at.pavlos("ps", "--json").stdout.replaceAll("second", "S"), /^(?!.*"S").*$/s);
  });

  it("leaves everything running on Ctrl-C", () => {
    const old = pid();
    tty.press("C-c");
    tty.until(/outside>$/m);
    expect(existsSync(`/proc/${old}`)).toBe(true);
    expect(readFileSync(`/proc/${old}/stat`, "utf8")).not.toMatch(/\) Z/);
    expectCode(at.pavlos("diff"), 0);
  });
});
