/** An expected failure is a value; a throw means a bug or a broken host. */
export type Result<T, F> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: F };

export const success = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
export const failure = <F>(value: F): { readonly ok: false; readonly failure: F } => ({
  ok: false,
  failure: value,
});

/** Closes a union: the compiler complains when a case was forgotten. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
