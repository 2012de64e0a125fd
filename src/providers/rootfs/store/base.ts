import { basename, dirname } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { Tools } from "../../tools.ts";
import { namedFiles } from "./layers.ts";
import { leaseNames } from "./leases.ts";
import type { ImageConfig, Stack } from "./stack.ts";

/** How `<environment>/work/base` remembers a stack: by its layers' names in the store. gc reads it too. */
interface Base {
  readonly key: string;
  /** Names of directories in layers/, topmost first. */
  readonly layers: readonly string[];
  readonly config: ImageConfig | null;
}

/** Names of a stack's layers in layers/: what records keep, and what gc leaves. */
export const layerNames = (stack: Stack): readonly string[] =>
  stack.layers.map((tree) => basename(dirname(tree)));

export const printBase = (stack: Stack): string =>
  `${JSON.stringify({ key: stack.key, layers: layerNames(stack), config: stack.config } satisfies Base)}\n`;

/** The stack that the text names, leased; null: there is none, or a layer of it is gone. */
export function parseBase(tools: Tools, text: string | null): Stack | null {
  const base = readBase(text);
  if (base === null) return null;
  leaseNames(tools, base.layers);
  const layers = base.layers.map((name) => namedFiles(tools, name).tree);
  return layers.every(trees.isDirectory) ? { ...base, layers } : null;
}

export function readBase(text: string | null): Base | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<Base> | null;
    if (typeof value?.key !== "string" || !Array.isArray(value.layers) || value.layers.length === 0)
      return null;
    return value.layers.every((name) => typeof name === "string" && !name.includes("/"))
      ? (value as Base)
      : null;
  } catch {
    // Half-written: the writable layer was not begun yet.
    return null;
  }
}

/** The key of the stack that a record's container was made from; null: it has none. */
export function keptKey(kept: unknown): string | null {
  if (typeof kept !== "object" || kept === null || !("key" in kept)) return null;
  return typeof kept.key === "string" ? kept.key : null;
}
