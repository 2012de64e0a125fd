import { isUtf8 } from "node:buffer";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { failure, type Result, success } from "../model/result.ts";
import type { ConfigReader, ReadFailure } from "./config-reader.ts";
import { errnoOf, isMissing, reasonOf } from "./errno.ts";

/** No configuration is larger; what is has been named by mistake. */
const maximumBytes = 4 * 2 ** 20;

/** The real file system for config/. */
export const realConfigReader: ConfigReader = { readText, list, stat, realpath };

function readText(path: string): Result<string, ReadFailure> {
  try {
    // Without O_NONBLOCK opening a named pipe would wait for its writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readOpened(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return failure(failed(error));
  }
}

function readOpened(descriptor: number): Result<string, ReadFailure> {
  const status = fstatSync(descriptor);
  if (!status.isFile()) return failure({ reason: "not-a-file", message: "it is not a regular file" });
  if (status.size > maximumBytes) return failure({ reason: "too-large", message: "it is larger than 4 MiB" });
  const bytes = readFileSync(descriptor);
  if (!isUtf8(bytes)) return failure({ reason: "not-text", message: "it is not text in UTF-8" });
  return success(bytes.toString("utf8"));
}

function list(path: string): Result<readonly string[], ReadFailure> {
  try {
    return success(readdirSync(path).sort());
  } catch (error) {
    return failure(failed(error));
  }
}

function stat(path: string): "file" | "directory" | "other" | null {
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (!status) return null;
    return status.isFile() ? "file" : status.isDirectory() ? "directory" : "other";
  } catch {
    // A directory above that may not be entered: for the caller there is nothing.
    return null;
  }
}

function realpath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // Missing or not reachable: whoever uses the path says so.
    return path;
  }
}

function failed(error: unknown): ReadFailure {
  if (isMissing(error)) return { reason: "missing", message: "it does not exist" };
  const code = errnoOf(error);
  const reason =
    code === "EACCES" || code === "EPERM" ? "denied" : code === "EISDIR" ? "not-a-file" : "failed";
  return { reason, message: reasonOf(error) };
}
