/** How far the changes of one plan are, for those that wait for others. */
export interface Gates {
  /** Its command runs. */
  started(name: string): void;
  /** Its change has come to its end. */
  finished(name: string, outcome: "done" | "failed"): void;
  /** Whether it was started, as soon as that is known; null: it is no part of the plan. */
  start(name: string): Promise<"done" | "failed"> | null;
  end(name: string): Promise<"done" | "failed"> | null;
}

export function makeGates(names: readonly string[]): Gates {
  const gates = new Map(
    names.map((name) => [
      name,
      { start: Promise.withResolvers<"done" | "failed">(), end: Promise.withResolvers<"done" | "failed">() },
    ]),
  );
  return {
    started: (name) => gates.get(name)?.start.resolve("done"),
    finished(name, outcome) {
      gates.get(name)?.start.resolve(outcome);
      gates.get(name)?.end.resolve(outcome);
    },
    start: (name) => gates.get(name)?.start.promise ?? null,
    end: (name) => gates.get(name)?.end.promise ?? null,
  };
}
