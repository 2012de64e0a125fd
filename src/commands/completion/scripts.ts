import { type CommandSpec, globalOptions, type OptionSpec, commands as table } from "../table.ts";

const commands: readonly CommandSpec[] = table;

export const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

export const isShell = (word: string): word is Shell => shells.some((shell) => shell === word);

/** The script for one shell, made from the table of commands. */
export const completionScript = (shell: Shell): string => scripts[shell]();

const scripts: Readonly<Record<Shell, () => string>> = { bash, zsh, fish };

function bash(): string {
  const cases = commands.map(
    (spec) => `    ${spec.name}) words="${words(spec)}"; names=${spec.environments ? 1 : 0} ;;`,
  );
  return `# pavlos: completions for bash. Load them with: source <(pavlos completion bash)
_pavlos() {
  local word=\${COMP_WORDS[COMP_CWORD]} command= words= names=0 index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --) COMPREPLY=($(compgen -c -- "$word")); return ;;
      ${takingValue().join("|")}) ((index++)) ;;
      -*) ;;
      *) command=\${command:-\${COMP_WORDS[index]}} ;;
    esac
  done
  case $command in
    "") words="${[...commands.map((spec) => spec.name), "help", ...globalOptions.flatMap(flagsOf)].join(" ")}" ;;
    help) words="${commands.map((spec) => spec.name).join(" ")}" ;;
    completion) words="${shells.join(" ")}" ;;
${cases.filter((line) => !line.trim().startsWith("completion)")).join("\n")}
  esac
  if [[ $names = 1 && $word != -* ]]; then words=$(pavlos config --quiet 2>/dev/null); fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [[ \${#COMPREPLY[@]} -gt 0 || $word = -* ]] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _pavlos pavlos`;
}

function zsh(): string {
  const list = commands.map((spec) => `    ${quote(`${spec.name}:${spec.summary.replaceAll(":", "\\:")}`)}`);
  const cases = commands.map((spec) => {
    const own = [...spec.options, ...globalOptions].map((option) => quote(zshOption(option)));
    const rest =
      spec.name === "completion"
        ? `'*:shell:(${shells.join(" ")})'`
        : spec.environments
          ? "'*:environment:_pavlos_names'"
          : "'*:file:_files'";
    return `    ${spec.name}) _arguments ${own.join(" ")} ${rest} ;;`;
  });
  return `#compdef pavlos
# pavlos: completions for zsh. Load them with: source <(pavlos completion zsh)
_pavlos_names() {
  local -a names
  names=(\${(f)"$(pavlos config --quiet 2>/dev/null)"})
  compadd -a names
}
_pavlos() {
  local -a verbs
  verbs=(
${list.join("\n")}
  )
  if (( CURRENT == 2 )); then _describe command verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join("\n")}
  esac
}
compdef _pavlos pavlos`;
}

function fish(): string {
  const none = `not __fish_seen_subcommand_from ${commands.map((spec) => spec.name).join(" ")}`;
  const lines = commands.flatMap((spec) => [
    `complete -c pavlos -n ${quote(none)} -a ${spec.name} -d ${quote(spec.summary)}`,
    ...spec.options.map((option) => fishOption(option, `__fish_seen_subcommand_from ${spec.name}`)),
    ...(spec.environments
      ? [
          `complete -c pavlos -n ${quote(`__fish_seen_subcommand_from ${spec.name}`)} -a '(pavlos config --quiet 2>/dev/null)'`,
        ]
      : []),
  ]);
  return [
    "# pavlos: completions for fish. Load them with: pavlos completion fish | source",
    "complete -c pavlos -f",
    ...globalOptions.map((option) => fishOption(option, null)),
    ...lines,
    `complete -c pavlos -n '__fish_seen_subcommand_from completion' -a ${quote(shells.join(" "))}`,
  ].join("\n");
}

const words = (spec: CommandSpec): string => [...spec.options, ...globalOptions].flatMap(flagsOf).join(" ");

/** "-n, --lines <count>" -> ["-n", "--lines"] */
const flagsOf = (option: OptionSpec): readonly string[] => option.flags.match(/(?<=^|\s)--?[\w-]+/g) ?? [];

const takesValue = (option: OptionSpec): boolean => option.flags.includes("<");

/** Global options whose next word is not the command. */
const takingValue = (): readonly string[] => globalOptions.filter(takesValue).flatMap(flagsOf);

/** For a shell, in single quotes. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zshOption(option: OptionSpec): string {
  const description = `[${option.description.replaceAll("[", "\\[").replaceAll("]", "\\]")}]`;
  return `${option.repeatable ? "*" : ""}${flagsOf(option).at(-1)}${description}${takesValue(option) ? ":value:_files" : ""}`;
}

function fishOption(option: OptionSpec, condition: string | null): string {
  const flags = flagsOf(option).map((flag) =>
    flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  return [
    "complete -c pavlos",
    condition === null ? "" : `-n ${quote(condition)}`,
    ...flags,
    takesValue(option) ? "-r -F" : "",
    `-d ${quote(option.description)}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}
