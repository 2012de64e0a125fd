import type { InstanceRecord } from "../model/instance.ts";
import { failure, type Result, success } from "../model/result.ts";

/** The only version that this Pavlos reads and writes. */
const version = 1;

/** One document: `version` first, so that any later Pavlos can tell. */
export function printRecord(record: InstanceRecord): string {
  const { version: first, ...rest } = record;
  return `${JSON.stringify({ version: first, ...rest })}\n`;
}

/** What is wrong with a record that cannot be used. */
export interface Unreadable {
  readonly reason: string;
  /** Written by another version: its owner still wants it. */
  readonly foreign: boolean;
}

/** A record from its text (null: there is none); only what the rest relies on is verified, the writer was this program. */
export function parseRecord(text: string | null, name: string): Result<InstanceRecord, Unreadable> {
  if (text === null) return failure({ reason: "its record is missing", foreign: false });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failure({ reason: "its record is half-written", foreign: false });
  }
  if (!isObject(value)) return failure({ reason: "its record is not a record", foreign: false });
  if (value.version !== version)
    return failure({
      reason: `its record has version ${value.version}, this Pavlos reads ${version}`,
      foreign: true,
    });
  if (value.name !== name)
    return failure({
      reason: `its record is of \`${value.name}\`: the directory was copied or renamed`,
      foreign: true,
    });
  if (!isRecord(value)) return failure({ reason: "its record lacks fields", foreign: false });
  return success({ ...value, spec: { ...laterFields, ...value.spec } });
}

/** Fields that older records lack, as they were then: without. */
const laterFields = {
  gpus: null,
  devices: [],
  restart: { policy: "never", max: 10, backoff: 100 },
  health: null,
  dependsOn: {},
} as const;

function isRecord(
  value: Readonly<Record<string, unknown>>,
): value is Readonly<Record<string, unknown>> & InstanceRecord {
  return (
    isObject(value.spec) &&
    typeof value.spec.name === "string" &&
    typeof value.containerId === "string" &&
    typeof value.createdAt === "string" &&
    typeof value.stopped === "boolean" &&
    typeof value.hooked === "boolean" &&
    isObject(value.secretHashes) &&
    (value.pending === null || isObject(value.pending)) &&
    isObject(value.provider)
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
