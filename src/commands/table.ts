import { selectionOptions } from "./selection-options.ts";

/** One command: what help, parsing, completion and the README know of it. */
export interface CommandSpec {
  readonly name: string;
  /** As commander writes them: "[names...]", "<file>". */
  readonly args: string;
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** A command follows `--`. */
  readonly inner?: true;
  /** Its arguments are names of environments: completed as such. */
  readonly environments?: true;
  /** -f means something else here. */
  readonly ownFile?: true;
}

export interface OptionSpec {
  /** "-n, --lines <count>" */
  readonly flags: string;
  readonly description: string;
  readonly repeatable?: true;
}

export const globalOptions: readonly OptionSpec[] = [
  { flags: "-C, --directory <dir>", description: "work as if started in this directory" },
  {
    flags: "-f, --file <file>",
    description: "this configuration instead of the one found by walking up (repeatable)",
    repeatable: true,
  },
  {
    flags: "--profile <name>",
    description: "also the environments of this profile (repeatable)",
    repeatable: true,
  },
  { flags: "--json", description: "print one JSON document" },
  { flags: "-y, --yes", description: "do not ask" },
  { flags: "-q, --quiet", description: "print less" },
  { flags: "-v, --verbose", description: "print more" },
  { flags: "--runtime <path>", description: "another OCI runtime instead of pavlosc, e.g. crun" },
];

const frozen = { flags: "--frozen", description: "fail where pavlos.lock would have to change" } as const;

export const commands = [
  {
    name: "init",
    args: "[name]",
    summary: "write a first environment file",
    options: [
      { flags: "--name <name>", description: "its name (default: the directory's)" },
      { flags: "--config-ts", description: "also a typed pavlos.config.ts" },
    ],
  },
  {
    name: "diff",
    args: "[names...]",
    summary: "show what apply would change; exit code 2 when there is something",
    options: [
      ...selectionOptions,
      { flags: "-o, --out <plan>", description: "keep the plan in this file, for `pavlos apply PLAN`" },
      frozen,
      { flags: "--files", description: "list the files written in the environments' roots instead" },
    ],
    environments: true,
  },
  {
    name: "apply",
    args: "[names...]",
    summary: "make it so, or what a plan file says",
    options: [
      ...selectionOptions,
      frozen,
      {
        flags: "--no-rollback",
        description: "leave a new container that fails as it is, instead of going back to the old one",
      },
    ],
    environments: true,
  },
  {
    name: "watch",
    args: "[names...]",
    summary: "keep it so while you edit",
    options: selectionOptions,
    environments: true,
  },
  {
    name: "pull",
    args: "[names...]",
    summary: "fetch images into the store; names of environments or of images",
    options: [
      { flags: "--platform <platform>", description: "of an image that is named: linux/amd64, linux/arm64" },
      frozen,
    ],
    environments: true,
  },
  {
    name: "update",
    args: "[names...]",
    summary: "look up what images, archives and distributions are now, and move pavlos.lock",
    options: [],
    environments: true,
  },
  {
    name: "ps",
    args: "",
    summary: "list environments and what they do",
    options: [{ flags: "-a, --all", description: "of all projects on this machine" }],
  },
  {
    name: "shell",
    args: "[name]",
    summary: "a shell inside",
    options: [
      { flags: "-u, --user <user>", description: "me, root, a name or uid[:gid]" },
      { flags: "-w, --workdir <dir>", description: "working directory inside" },
    ],
    environments: true,
  },
  {
    name: "exec",
    args: "[name]",
    summary: "run a command inside; its exit code",
    options: [
      { flags: "-u, --user <user>", description: "me, root, a name or uid[:gid]" },
      { flags: "-w, --workdir <dir>", description: "working directory inside" },
      { flags: "-e, --env <name=value>", description: "environment variable (repeatable)", repeatable: true },
      { flags: "-t, --tty", description: "with a terminal (default: when there is one)" },
      { flags: "-T, --no-tty", description: "without a terminal" },
    ],
    inner: true,
    environments: true,
  },
  {
    name: "run",
    args: "[name]",
    summary: "one command in a fresh container in the foreground; its exit code. Also a legacy FILE.json",
    options: [
      { flags: "-u, --user <user>", description: "me, root, a name or uid[:gid]" },
      { flags: "-w, --workdir <dir>", description: "working directory inside" },
      { flags: "-e, --env <name=value>", description: "environment variable (repeatable)", repeatable: true },
      { flags: "-t, --tty", description: "with a terminal (default: when there is one)" },
      { flags: "-T, --no-tty", description: "without a terminal" },
    ],
    inner: true,
    environments: true,
  },
  {
    name: "logs",
    args: "[names...]",
    summary: "what the command printed",
    options: [
      { flags: "-f, --follow", description: "wait for more" },
      { flags: "-n, --lines <count>", description: "only the last lines" },
      { flags: "--since <time>", description: "only since then: 10m, 2h, or a date" },
      { flags: "--timestamps", description: "with the time of each line" },
    ],
    environments: true,
    ownFile: true,
  },
  {
    name: "start",
    args: "[names...]",
    summary: "start what was stopped, as last applied",
    options: selectionOptions,
    environments: true,
  },
  {
    name: "stop",
    args: "[names...]",
    summary: "stop; roots and volumes stay",
    options: selectionOptions,
    environments: true,
  },
  {
    name: "restart",
    args: "[names...]",
    summary: "stop and start, as last applied",
    options: selectionOptions,
    environments: true,
  },
  {
    name: "destroy",
    args: "[names...]",
    summary: "remove containers and roots; volumes stay",
    options: selectionOptions,
    environments: true,
  },
  {
    name: "snapshot",
    args: "<action> [name] [snapshot]",
    summary: "save, list, restore or rm copies of what was written in a root",
    options: [],
    environments: true,
  },
  {
    name: "adopt",
    args: "<names...>",
    summary: "write what was changed outside Pavlos back into the YAML, comments and order kept",
    options: [],
    environments: true,
  },
  {
    name: "events",
    args: "[names...]",
    summary: "what happened to the environments",
    options: [
      { flags: "-f, --follow", description: "wait for more" },
      { flags: "--since <time>", description: "only since then: 10m, 2h, or a date" },
    ],
    environments: true,
    ownFile: true,
  },
  {
    name: "top",
    args: "[names...]",
    summary: "what the environments use: processors, memory, disks",
    options: [],
    environments: true,
  },
  {
    name: "graph",
    args: "",
    summary: "dependencies, networks and mounts, to be drawn",
    options: [{ flags: "--format <format>", description: "mermaid (default), dot or json" }],
  },
  {
    name: "enable",
    args: "",
    summary: "apply this project at boot, by a systemd unit",
    options: [{ flags: "--print", description: "print the unit instead" }],
  },
  {
    name: "disable",
    args: "",
    summary: "remove that unit",
    options: [],
  },
  {
    name: "config",
    args: "[names...]",
    summary: "the resolved environments, and where each value was written",
    options: [],
    environments: true,
  },
  {
    name: "build",
    args: "[names...]",
    summary: "make the root filesystems, without starting anything",
    options: [
      { flags: "--shell-on-failure", description: "open a shell in the container of a step that fails" },
    ],
    environments: true,
  },
  {
    name: "export",
    args: "<name>",
    summary: "write its root as an OCI image, a tar archive or a squashfs",
    options: [
      { flags: "--format <format>", description: "oci (default), tar or squashfs" },
      {
        flags: "-o, --output <path>",
        description: "a file, - for standard output, or DIR/ for an OCI layout (default: by its name)",
      },
    ],
    environments: true,
  },
  {
    name: "rootfs",
    args: "<action> [name] [source]",
    summary: "create, list, export or rm root filesystems kept by a name ({named: NAME})",
    options: [
      { flags: "--bootstrap <suite>", description: "create: install bookworm, noble, busybox ..." },
      { flags: "--package <name>", description: "create: a package on top (repeatable)", repeatable: true },
      { flags: "--mirror <address>", description: "create: the package archive" },
      { flags: "--variant <variant>", description: "create: how much is installed" },
      { flags: "--format <format>", description: "export: oci (default), tar or squashfs" },
      { flags: "-o, --output <path>", description: "export: a file, - or DIR/" },
    ],
  },
  {
    name: "import",
    args: "<file>",
    summary: "write environment files from compose.yaml, devcontainer.json or a legacy FILE.json",
    options: [{ flags: "--force", description: "replace an existing file" }],
  },
  {
    name: "images",
    args: "[action]",
    summary: "list the images of the store; `images verify` looks whether they are still sound",
    options: [{ flags: "--repair", description: "take damaged layers out, so that they are fetched anew" }],
  },
  {
    name: "gc",
    args: "",
    summary: "remove from the store what nothing wants any more",
    options: [
      { flags: "--dry-run", description: "only say what would go" },
      {
        flags: "--max-size <size>",
        description: "also what only lock files want, until the layers take this",
      },
      { flags: "--grace <duration>", description: "leave what is younger (default: 1h)" },
    ],
  },
  {
    name: "du",
    args: "",
    summary: "what takes how much room",
    options: [],
  },
  {
    name: "gpu",
    args: "[action]",
    summary: "the GPUs of this machine and who uses them; `gpu cdi` prints a CDI file of them",
    options: [
      { flags: "-o, --output <file>", description: "cdi: write it there, e.g. /etc/cdi/nvidia.json" },
    ],
  },
  {
    name: "network",
    args: "[action] [name]",
    summary: "networks of the project: `ls` (default), or `inspect` with all that belongs to them",
    options: [],
  },
  {
    name: "schema",
    args: "",
    summary: "print the JSON schema of the environment file",
    options: [],
  },
  {
    name: "doctor",
    args: "",
    summary: "check this machine, with the fix for each thing that is missing",
    options: [],
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "print completions for bash, zsh or fish",
    options: [],
  },
] as const satisfies readonly CommandSpec[];

export type CommandName = (typeof commands)[number]["name"];
