import { fileURLToPath } from "node:url";
import type { Files } from "../host/files.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";

/**
 * Path of pavlosc: PAVLOS_NATIVE, else the one beside the bundle, where a build leaves it.
 */
export function findNative(
  files: Files,
  env: Readonly<Record<string, string | undefined>>,
): Result<string, Problem> {
  const named = env.PAVLOS_NATIVE;
  const candidates = named ? [named] : besides.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = candidates.find((path) => files.status(path) !== null);
  if (found !== undefined) return success(found);
  return failure({
    code: "native-missing",
    message: `the container runtime pavlosc is not at ${candidates[0]}`,
    place: null,
    hint: named
      ? "set PAVLOS_NATIVE to its path, or unset it"
      : "run `npm run build`, or install the package anew",
  });
}

/** From dist/, from src/native/. */
const besides = ["native/pavlosc", "../../dist/native/pavlosc"];
