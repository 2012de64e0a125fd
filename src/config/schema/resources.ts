import * as z from "zod";
import { ulimits } from "../names.ts";
import { field, size, whole } from "./values.ts";

const weight = () => whole(1, 10_000, "a whole number from 1 to 10000");
const count = () => whole(1, Number.MAX_SAFE_INTEGER, "a whole number, at least 1");

const ioLimits = () =>
  z.strictObject(
    {
      readBps: size.optional().describe("Bytes read per second, such as 10MiB. Default: unlimited."),
      writeBps: size.optional().describe("Bytes written per second, such as 10MiB. Default: unlimited."),
      readIops: count().optional().describe("Read operations per second. Default: unlimited."),
      writeIops: count().optional().describe("Write operations per second. Default: unlimited."),
    },
    { error: "a map with readBps, writeBps, readIops or writeIops" },
  );

const device = () => z.string().regex(/^\/dev\/./, { error: "a block device such as /dev/sda" });
const io = () =>
  z.strictObject(
    {
      weight: weight().optional().describe("Share of the disks' time, 1 to 10000. Default 100."),
      devices: z
        .record(device(), ioLimits(), { error: "a map of block devices to limits" })
        .optional()
        .describe("Limits by block device, such as /dev/sda."),
    },
    { error: "a map with weight or devices" },
  );

const limit = () =>
  z.union([whole(0, Number.MAX_SAFE_INTEGER, "a number"), z.literal("unlimited")], {
    error: "a whole number or unlimited",
  });
const ulimit = () =>
  z.union(
    [
      limit(),
      z.strictObject({
        soft: limit().describe("The limit that counts; the process may raise it up to hard."),
        hard: limit().describe("The limit up to which soft may be raised."),
      }),
    ],
    { error: "a whole number, unlimited, or {soft, hard}" },
  );

const cpus = "a number of processors such as 2 or 0.5";
const cpuset = "processors such as 0-3,6";

/** Limits; a limit that is not named is not set. */
export const resources = () =>
  z.strictObject(
    {
      cpus: field(
        z.number({ error: cpus }).min(0.01, { error: cpus }),
        "live",
        "Processors' time, as a number of processors such as 1.5. Default: unlimited.",
      ),
      cpuset: field(
        z.union(
          [z.string().regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, { error: cpuset }), whole(0, 1_000_000, cpuset)],
          { error: cpuset },
        ),
        "live",
        "The processors it may run on, such as 0-3,6. Default: all.",
      ),
      cpuWeight: field(
        weight(),
        "live",
        "Share of the processors' time under contention, 1 to 10000. Default 100.",
      ),
      memory: field(size, "live", "Largest memory, such as 512MiB. Default: unlimited."),
      swap: field(size, "live", "Swap on top of memory, such as 1GiB. Default: unlimited."),
      pids: field(count(), "live", "Largest number of processes and threads. Default: unlimited."),
      io: field(io(), "live", "Limits of disks. Default: none."),
      shm: field(size, "restart", "Size of /dev/shm. Default 64MiB."),
      ulimits: field(
        z.partialRecord(z.enum(ulimits, { error: "a resource limit such as nofile" }), ulimit(), {
          error: "a map such as {nofile: 4096}",
        }),
        "restart",
        "Limits of setrlimit by name, such as {nofile: 4096} or {nofile: {soft: 1024, hard: 4096}}. Default: the caller's.",
      ),
      oomScore: field(
        whole(-1000, 1000, "a whole number from -1000 to 1000"),
        "live",
        "Added to the kernel's score when memory runs out, -1000 (spared) to 1000 (first to go). Default: the caller's.",
      ),
    },
    { error: "a map of limits such as {cpus: 2, memory: 4GiB}" },
  );
