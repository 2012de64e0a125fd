/** A place in a file that a person wrote. Line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Where each value of an environment was written, by its path in the file format
 * ("resources.memory", "command[1]", "mounts[0]"); "" is the environment itself.
 * A path that is absent takes its nearest ancestor's place: see placeOf in config/.
 */
export type Places = ReadonlyMap<string, Place>;

/**
 * Something wrong with what the user wrote or with the machine it is for. Never thrown on its own:
 * collected, so that all problems are shown at once.
 */
export interface Problem {
  /** kebab-case, stable: "unknown-key", "wrong-type", "mount-source-missing". */
  readonly code: string;
  /** One sentence: what is wrong, with the value. */
  readonly message: string;
  /** Where it was written; null: not from a file (a permission, a full disk). */
  readonly place: Place | null;
  /** Length of the wrong text in characters, for the code frame; default 1. */
  readonly length?: number;
  /** The last lines of a program that failed. */
  readonly output?: readonly string[];
  /** What would have been right: "a size such as 512MiB". */
  readonly expected?: string;
  /** The next step: "did you mean `memory`?", a command to run. */
  readonly hint?: string;
}

/** Something worth saying that stops nothing: a limit that this machine cannot enforce. */
export interface Notice {
  readonly code: string;
  readonly environment: string | null;
  readonly message: string;
  readonly hint?: string;
}
