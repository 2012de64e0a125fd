/** Parts of the program that only some starts go through: what V8 compiled for them is kept as well. */
export type Part = "gpus" | "images";

const used = new Set<Part>();

export const usePart = (part: Part): void => void used.add(part);

/** Those of this process so far. */
export const usedParts = (): readonly Part[] => [...used];
