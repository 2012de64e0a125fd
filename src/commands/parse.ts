import { Command, CommanderError, Option } from "commander";
import { failure, type Result, success } from "../model/result.ts";
import type { Globals, OptionValue } from "./invocation.ts";
import { type CommandName, type CommandSpec, commands, globalOptions, type OptionSpec } from "./table.ts";

export interface Parsed {
  readonly command: CommandName;
  readonly args: readonly string[];
  readonly inner: readonly string[] | null;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly globals: Globals;
  /** -C */
  readonly directory: string | null;
  readonly runtime: string | null;
}

/** What parsing ends with when there is nothing to run: help, a version, or a mistake. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** argv (without node and script) -> what to run. */
export function parse(argv: readonly string[], version: string): Result<Parsed, Ended> {
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  const inner = split < 0 ? null : argv.slice(split + 1);
  const written = { out: "", err: "" };
  let parsed: Parsed | null = null;
  const program = programOf(version, written);
  const found: Found = (result) => {
    parsed = { ...result, inner };
  };
  // Subcommands copy these settings from the program when they are made by `command`.
  for (const spec of mentioned(own)) addCommand(program, spec, found);
  try {
    program.parse(own, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // A bare `pavlos` shows the help: that is no mistake.
    if (error.code === "commander.help") return failure({ code: 0, out: written.out + written.err, err: "" });
    if (error.exitCode !== 0)
      written.err += "next: `pavlos --help` lists the commands, `pavlos help COMMAND` its options\n";
    return failure({ code: error.exitCode, ...written });
  }
  if (parsed === null) return failure({ code: 1, ...written });
  return checkInner(parsed);
}

type NamedSpec = CommandSpec & { readonly name: CommandName };

const takesInner = (command: CommandName): boolean =>
  commands.some((spec: CommandSpec) => spec.name === command && spec.inner === true);

type Found = (found: Omit<Parsed, "inner">) => void;

/** Thirty commands take longer to make than to parse: all are there for help and to suggest one. */
function mentioned(argv: readonly string[]): readonly NamedSpec[] {
  const named = commands.filter(({ name }) => argv.includes(name));
  const forHelp = argv.some((word) => word === "help" || word === "--help" || word === "-h");
  return named.length === 0 || forHelp ? commands : named;
}

function programOf(version: string, written: { out: string; err: string }): Command {
  const program = new Command("pavlos")
    .description("Development environments as code: diff shows what would change, apply makes it so.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        written.out += text;
      },
      writeErr: (text) => {
        written.err += text;
      },
      outputError: (text, write) => write(text.replace(/^error: /, "pavlos: ")),
    })
    .configureHelp({
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace("[options]", "").trim()}`.trimEnd(),
    });
  for (const option of globalOptions) program.addOption(optionOf(option));
  return program;
}

function addCommand(program: Command, spec: NamedSpec, found: Found): void {
  const command = program
    .command(`${spec.name} ${spec.args}`.trimEnd())
    .summary(spec.summary)
    .description(`${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.`)
    .allowExcessArguments(spec.inner === true);
  if (spec.inner) command.usage(`${spec.args} [options] [-- command...]`);
  for (const option of spec.options) command.addOption(optionOf(option));
  for (const option of globalOptions) {
    const clash = spec.ownFile && option.flags.startsWith("-f");
    if (!clash) command.addOption(optionOf(option).hideHelp());
  }
  command.addHelpText("after", "\nGlobal options work here too: pavlos --help");
  command.action(() => found(resultOf(program, command, spec)));
}

function optionOf(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description);
  if (spec.repeatable)
    option.argParser((value: string, before: readonly string[] = []) => [...before, value]);
  return option;
}

function resultOf(program: Command, command: Command, spec: NamedSpec): Omit<Parsed, "inner"> {
  const before = program.opts();
  const options = command.opts();
  const text = (name: string): string | null => options[name] ?? before[name] ?? null;
  const flag = (name: string): boolean => options[name] === true || before[name] === true;
  return {
    command: spec.name,
    args: command.args,
    options,
    globals: {
      files: [...(before.file ?? []), ...(spec.ownFile ? [] : (options.file ?? []))],
      profiles: [...(before.profile ?? []), ...(options.profile ?? [])],
      json: flag("json"),
      yes: flag("yes"),
      quiet: flag("quiet"),
      verbose: flag("verbose"),
    },
    directory: text("directory"),
    runtime: text("runtime"),
  };
}

function checkInner(parsed: Parsed): Result<Parsed, Ended> {
  if (parsed.inner === null || takesInner(parsed.command)) return success(parsed);
  return failure({ code: 1, out: "", err: `pavlos: ${parsed.command} takes no command after --\n` });
}
