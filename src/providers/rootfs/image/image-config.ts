import type { ImageConfig, ImageHealthcheck } from "../store/stack.ts";
import { algorithmOf, hexOf } from "./digest.ts";
import { asObject, type Json, malformed, parseJson, textsOf } from "./manifest.ts";
import { type Platform, platformOf } from "./platform.ts";

/** What an image says of itself. */
export interface ImageDocument {
  readonly platform: Platform | null;
  /** Hex, bottom first: one for each layer. */
  readonly diffIds: readonly string[];
  readonly config: ImageConfig;
}

export function parseImageDocument(bytes: Buffer, what: string): ImageDocument {
  const document = asObject(parseJson(bytes, what));
  if (document === null) throw malformed(what, "it is not an object");
  const listed = asObject(document.rootfs)?.diff_ids ?? [];
  if (!Array.isArray(listed)) throw malformed(what, "rootfs.diff_ids is not a list");
  return {
    platform: platformOf(document),
    diffIds: listed.map((id) => diffId(id, what)),
    config: configOf(asObject(document.config) ?? {}),
  };
}

function diffId(value: unknown, what: string): string {
  if (typeof value !== "string") throw malformed(what, "a diff id is no text");
  if (algorithmOf(value) !== "sha256") throw malformed(what, `the diff id ${value} is not of sha256`);
  return hexOf(value);
}

function configOf(config: Json): ImageConfig {
  return {
    entrypoint: texts(config.Entrypoint),
    cmd: texts(config.Cmd),
    env: variables(texts(config.Env)),
    user: text(config.User),
    workdir: text(config.WorkingDir),
    stopSignal: text(config.StopSignal),
    volumes: Object.keys(asObject(config.Volumes) ?? {}).sort(),
    exposedPorts: Object.keys(asObject(config.ExposedPorts) ?? {}).sort(),
    healthcheck: healthcheck(asObject(config.Healthcheck)),
    labels: textsOf(config.Labels),
  };
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

function variables(lines: readonly string[]): Readonly<Record<string, string>> {
  const pairs = lines.map((line): [string, string] => {
    const equals = line.indexOf("=");
    return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== ""));
}

/** Docker writes nanoseconds; 0 is "not said". */
function healthcheck(check: Json | null): ImageHealthcheck | null {
  if (check === null) return null;
  const test = texts(check.Test);
  if (test.length === 0) return null;
  const milliseconds = (value: unknown): number | null => (isCount(value) ? Math.round(value / 1e6) : null);
  return {
    test,
    interval: milliseconds(check.Interval),
    timeout: milliseconds(check.Timeout),
    startPeriod: milliseconds(check.StartPeriod),
    retries: isCount(check.Retries) ? Math.round(check.Retries) : null,
  };
}

/** JSON can also write what is larger than every number. */
const isCount = (value: unknown): value is number =>
  typeof value === "number" && value > 0 && value <= Number.MAX_SAFE_INTEGER;
