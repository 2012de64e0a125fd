/**
 * The port to the file system: what state/ and the readers of host facts need. A missing path is an
 * answer (null), every other failure throws the errno error of Node. Reads are synchronous: for
 * hundreds of small files that is several times faster than promises.
 */
export interface Files {
  /** Null: no such file. */
  readText(path: string): string | null;
  /** Names in a directory, sorted; null: no such directory. */
  list(path: string): readonly string[] | null;
  /** Of the path itself, a link is not followed; null: nothing there. */
  status(path: string): FileStatus | null;
  /** May this process write to it? False also when it is missing. */
  writable(path: string): boolean;
  /** With its parents; `mode` for those that are made. */
  makeDirectory(path: string, mode: number): void;
  /** Replaces the file as a whole; a reader sees the old or the new text. Mode 0600. */
  replace(path: string, text: string): void;
  /** As `replace`, and the text survives a power cut once the promise is fulfilled. */
  replaceDurably(path: string, text: string): Promise<void>;
  /** A new file for everybody to read (mode 0644 less the umask); throws when there is one. */
  create(path: string, text: string): void;
  append(path: string, text: string): void;
  /** A file or a whole tree, without following links; missing is fine. */
  remove(path: string): Promise<void>;
}

export interface FileStatus {
  readonly kind: "file" | "directory" | "link" | "other";
  readonly uid: number;
  /** Permission bits, e.g. 0o700. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
}
