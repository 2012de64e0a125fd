/** What a unit is made of; all paths are absolute. */
export interface UnitRequest {
  readonly manager: "system" | "user";
  /** Name of the project. */
  readonly project: string;
  /** Directory of the project. */
  readonly root: string;
  /** bin/pavlos. */
  readonly program: string;
  /** -f and --profile, as they were given. */
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The service that applies a project at boot and stops it at shutdown. Pure. */
export function unitText({ manager, project, root, program, options, environment }: UnitRequest): string {
  const call = (...args: string[]): string => [program, "-C", root, ...options, ...args].map(word).join(" ");
  const after =
    manager === "system" ? "After=network-online.target local-fs.target\nWants=network-online.target\n" : "";
  return `[Unit]
Description=${specifiers(`Pavlos: the environments of ${project} in ${root}`)}
${after}RequiresMountsFor=${word(root)}

[Service]
Type=oneshot
RemainAfterExit=yes
${Object.entries(environment)
  .map(([name, value]) => `Environment=${setting(`${name}=${value}`)}\n`)
  .join("")}ExecStart=${call("apply", "--yes", "--quiet")}
ExecStop=${call("stop", "--quiet")}
TimeoutStartSec=infinity

[Install]
WantedBy=${manager === "system" ? "multi-user.target" : "default.target"}
`;
}

/** A word of a command line: systemd reads quotes, backslashes, `%` and `$`. */
export const word = (text: string): string => `"${escaped(specifiers(text)).replaceAll("$", "$$$$")}"`;

/** A variable: no `$` is read there. */
const setting = (text: string): string => `"${escaped(specifiers(text))}"`;

const specifiers = (text: string): string => text.replaceAll("%", "%%");

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\t", "\\t");
