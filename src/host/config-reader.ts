import type { Result } from "../model/result.ts";

/**
 * All that config/ sees of the file system. Synchronous: configuration is many small files, and
 * reading them one after another is several times faster than as many promises.
 */
export interface ConfigReader {
  /** Text of a regular file in UTF-8. */
  readText(path: string): Result<string, ReadFailure>;
  /** Names in a directory, sorted. */
  list(path: string): Result<readonly string[], ReadFailure>;
  /** What is there, links followed; null: nothing. */
  stat(path: string): "file" | "directory" | "other" | null;
  /** The path without links; the path itself where that cannot be told. */
  realpath(path: string): string;
}

/** Why a file could not be read. */
export interface ReadFailure {
  readonly reason: "missing" | "denied" | "not-a-file" | "not-text" | "too-large" | "failed";
  /** For the user: "permission denied". */
  readonly message: string;
}
