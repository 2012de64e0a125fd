import { isFull } from "../host/errno.ts";
import type { Files } from "../host/files.ts";

/**
 * What an apply was about to do and has done, one JSON line each. Recovery is by looking at the
 * machine; the journal says where to look and lets messages name the step that was interrupted.
 */
export interface Journal {
  /** The operation that each environment's last apply began and did not finish. */
  unfinished(): ReadonlyMap<string, string>;
  intend(environment: string, operation: string): void;
  finish(environment: string, operation: string, failure: string | null): void;
  /** Everything is settled: begins anew. */
  clear(): void;
}

interface Entry {
  readonly at: string;
  readonly environment: string;
  readonly operation: string;
  readonly state: "begin" | "done" | "failed";
  readonly failure?: string;
}

export function openJournal(files: Files, path: string, now: () => Date): Journal {
  const write = (entry: Omit<Entry, "at">): void =>
    unlessFull(() => files.append(path, `${JSON.stringify({ at: now().toISOString(), ...entry })}\n`));
  return {
    unfinished: () => unfinishedOf(files.readText(path) ?? ""),
    intend: (environment, operation) => write({ environment, operation, state: "begin" }),
    finish: (environment, operation, failure) =>
      write(
        failure === null
          ? { environment, operation, state: "done" }
          : { environment, operation, state: "failed", failure },
      ),
    clear: () => unlessFull(() => files.replace(path, "")),
  };
}

/** The journal only makes messages better: without room for it, what makes room must go on. */
function unlessFull(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** The text may end in the middle of a line: that line's operation had not begun. */
export function unfinishedOf(text: string): ReadonlyMap<string, string> {
  const unfinished = new Map<string, string>();
  for (const line of text.split("\n")) {
    const entry = parseEntry(line);
    if (entry?.state === "begin") unfinished.set(entry.environment, entry.operation);
    else if (entry !== null) unfinished.delete(entry.environment);
  }
  return unfinished;
}

function parseEntry(line: string): Entry | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

const isEntry = (value: unknown): value is Entry =>
  typeof value === "object" &&
  value !== null &&
  "environment" in value &&
  typeof value.environment === "string" &&
  "operation" in value &&
  typeof value.operation === "string" &&
  "state" in value;
