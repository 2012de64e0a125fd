import type { Environment, Rootfs } from "../../model/environment.ts";
import type { Result } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import type { Context } from "../provider.ts";
import type { Stack } from "./store/stack.ts";

/** The kinds of root filesystem that become trees of the store. */
export type Stored = Exclude<Rootfs, { kind: "host" | "path" }>;

/** Which root filesystem, and whom it is for. */
export interface StackRequest<R extends Stored = Stored> {
  /** Of messages, progress and places in the file. */
  readonly environment: Environment;
  readonly rootfs: R;
  readonly context: Context;
  /**
   * When a step of a build fails: is given why, and the arguments of pavlosc that open a shell in the
   * container where it failed, which is there until this returns.
   */
  readonly debug?: (problem: Problem, args: readonly string[]) => Promise<unknown>;
}

/** One kind of root filesystem: how it becomes a stack. `from:` of a build takes any of them. */
export interface StackSource<R extends Stored> {
  /** What it is now; fetches, unpacks or builds what is missing. */
  readonly ensure: (request: StackRequest<R>) => Promise<Result<Stack, Problem>>;
  /** What the store has of it, without any effect; null: it is not known or not all there. */
  readonly resolve: (request: StackRequest<R>) => Stack | null;
}
