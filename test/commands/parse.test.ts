import { describe, expect, it } from "vitest";
import { parse } from "../../src/commands/parse.ts";

const parsed = (...argv: string[]) => {
  const result = parse(argv, "1.2.3");
  if (!result.ok) throw new Error(result.failure.err);
  return result.value;
};
const ended = (...argv: string[]) => {
  const result = parse(argv, "1.2.3");
  if (result.ok) throw new Error("it was understood");
  return result.failure;
};

describe("global options", () => {
  it("count before and after the command", () => {
    expect(parsed("--json", "diff").globals.json).toBe(true);
    expect(parsed("diff", "--json").globals.json).toBe(true);
    expect(parsed("-C", "/a", "diff").directory).toBe("/a");
    expect(parsed("diff", "-C", "/b").directory).toBe("/b");
  });
  it("may be repeated where they name several things", () => {
    expect(parsed("--profile", "a", "apply", "--profile", "b").globals.profiles).toEqual(["a", "b"]);
    expect(parsed("-f", "a.yaml", "diff", "-f", "b.yaml").globals.files).toEqual(["a.yaml", "b.yaml"]);
  });
  it("leave -f of logs to logs, which follows", () => {
    const { globals, options } = parsed("-f", "a.yaml", "logs", "-f", "api");
    expect(globals.files).toEqual(["a.yaml"]);
    expect(options.follow).toBe(true);
  });
});

describe("a command behind --", () => {
  it("is kept word for word, options too", () => {
    const { args, inner } = parsed("exec", "api", "--user", "root", "--", "ls", "--json", "--", "-l");
    expect(args).toEqual(["api"]);
    expect(inner).toEqual(["ls", "--json", "--", "-l"]);
  });
  it("may follow without a name", () =>
    expect(parsed("run", "--", "false")).toMatchObject({ args: [], inner: ["false"] }));
  it("is refused where none is taken", () =>
    expect(ended("diff", "--", "ls").err).toContain("takes no command"));
});

describe("what is not understood", () => {
  it("gets the nearest command", () => {
    const { code, err } = ended("difff");
    expect(code).toBe(1);
    expect(err).toContain("Did you mean diff?");
    expect(err).toContain("pavlos --help");
  });
  it("is an unknown option", () => expect(ended("ps", "--bogus").err).toContain("unknown option '--bogus'"));
  it("is an argument too many", () => expect(ended("ps", "api").code).toBe(1));
});

it("prints help and version as data, with exit code 0", () => {
  expect(ended("--version")).toEqual({ code: 0, out: "1.2.3\n", err: "" });
  expect(ended("--help")).toMatchObject({ code: 0, err: "" });
  expect(ended()).toMatchObject({ code: 0, err: "" });
  expect(ended("help", "exec").out).toContain("--workdir");
});
