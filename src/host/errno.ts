/** The errno name of a failed system call ("ENOENT"), or null for any other error. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** The path is not there, or something on the way to it is not a directory. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** What a person should read of an errno error: the kernel's words, without Node's syntax. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = errnoOf(error);
  const words = code === null ? undefined : reasons[code];
  return words === undefined ? error.message : words;
}

/** What the machine says no to, as a person should read it, with the path; null: another kind of error. */
export function refusalOf(error: unknown): { readonly full: boolean; readonly message: string } | null {
  const code = errnoOf(error);
  if (code === null || reasons[code] === undefined) return null;
  const path = error instanceof Error && "path" in error ? `${error.path}: ` : "";
  return { full: isFull(error), message: `${path}${reasonOf(error)}` };
}

/** There is no room for what was to be written. */
export const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  ENOTDIR: "something on the way is not a directory",
  EMFILE: "too many open files",
  EIO: "input/output error: the disk may be failing",
};
