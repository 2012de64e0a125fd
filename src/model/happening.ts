/** Something that happened to an environment, as `pavlos events` tells it. */
export interface Happening {
  /** ISO 8601. */
  readonly time: string;
  readonly environment: string;
  /** supervisor: seen by who keeps the container. apply: a step of a pavlos that changed something. */
  readonly by: "supervisor" | "apply";
  /** started, exited, oom, healthy, ...; of an apply `<step> failed` or `<step> began`. */
  readonly kind: string;
  /** What else is known: pid, exitCode, signal, output. */
  readonly facts: Readonly<Record<string, string | number>>;
}
