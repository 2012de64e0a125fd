import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { type Terminal, terminal } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("a real terminal as $kind", (caller) => {
  let at: World;
  let tty: Terminal;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    at.write("environments/api.yaml", "rootfs: ../root\nenv: {PS1: 'inside> '}\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    tty = terminal(at);
    tty.until(/outside>/);
  });
  afterEach(() => {
    tty.close();
    at.end();
  });

  const line = (text: string) => {
    tty.type(text);
    tty.press("Enter");
  };

  /** Until the command runs: a key before that would be the shell's. */
  const begun = () => tty.until(/^begun$/m);

  it("shell: a prompt, a terminal of its own, the exit code", () => {
    line("pavlos shell api");
    tty.until(/inside>/);
    line("tty; echo $((40+2))");
    expect(tty.until(/^42$/m)).toMatch(/^\/dev\/(pts\/\d+|console)$/m);
    line("exit 5");
    tty.until(/outside>$/m);
    line("echo code=$?");
    tty.until(/^code=5$/m);
  });

  it("shell: Ctrl-C ends the command inside and not the shell", () => {
    line("pavlos shell api");
    tty.until(/inside>/);
    line("sh -c 'echo begun; exec sleep 1000'");
    begun();
    tty.press("C-c");
    line("echo alive=$((1+1))");
    tty.until(/^alive=2$/m);
  });

  it("shell: Ctrl-Z stops the command inside, fg goes on with it", () => {
    line("pavlos shell api");
    tty.until(/inside>/);
    line("sh -c 'echo begun; exec sleep 1000'");
    begun();
    tty.press("C-z");
    tty.until(/Stopped/);
    line("fg");
    tty.press("C-c");
    line("echo back=$((1+2))");
    tty.until(/^back=3$/m);
  });

  it("shell: follows the size of the window", () => {
    line("pavlos shell api");
    tty.until(/inside>/);
    line("stty size");
    tty.until(/^30 100$/m);
    tty.resize(77, 22);
    line("stty size");
    tty.until(/^22 77$/m);
  });

  it("exec and run: have a terminal when the caller has one, and leave it as it was", () => {
    line("pavlos exec api -- sh -c 'test -t 0 && test -t 1 && echo is-a-tty'; stty -a | grep -c ' -icanon'");
    tty.until(/^is-a-tty$/m);
    tty.until(/^0$/m);
    line("pavlos run api -- sh -c 'exit 4'; echo code=$?");
    tty.until(/^code=4$/m);
  });

  it("apply: asks, and a declined plan changes nothing", () => {
    at.write("environments/other.yaml", "rootfs: ../root\n");
    line("pavlos apply; echo code=$?");
    tty.until(/1 to create[\s\S]*\?/);
    line("n");
    tty.until(/^code=130$/m);
    line("pavlos apply; echo second=$?");
    tty.until(/\?/);
    line("y");
    tty.until(/^second=0$/m);
    expect(at.ps("other").status).toBe("running");
  });
});
