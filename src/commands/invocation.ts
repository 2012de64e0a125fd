import type { Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Terminal } from "../ui/terminal.ts";

/** A command line, parsed: what a verb gets. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  /** What follows `--`; null: there was no `--`. */
  readonly inner: readonly string[] | null;
  /** Options of this command, by their long name in camelCase. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly globals: Globals;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C or SIGTERM; from the first call on these do not end the process. */
  readonly interruption: () => AbortSignal;
}

export type OptionValue = string | boolean | readonly string[] | undefined;

export interface Globals {
  /** -f: these files instead of what is found by walking up; empty: none were named. */
  readonly files: readonly string[];
  readonly profiles: readonly string[];
  readonly json: boolean;
  readonly yes: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** A verb gives its exit code, or the problems that kept it from its work (exit code 1). */
export type Verb = (invocation: Invocation) => Promise<Result<number, readonly Problem[]>>;

export const exitCodes = { fine: 0, failed: 1, changes: 2, declined: 130 } as const;

/** The value of an option that takes one. */
export function textOption(invocation: Invocation, name: string): string | null {
  const value = invocation.options[name];
  return typeof value === "string" ? value : null;
}

/** The values of an option that may be repeated. */
export function listOption(invocation: Invocation, name: string): readonly string[] {
  const value = invocation.options[name];
  return Array.isArray(value) ? value : [];
}
