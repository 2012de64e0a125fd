import * as z from "zod";
import { gpuCapabilities } from "../../model/gpus.ts";
import { flag, path, size, whole } from "./values.ts";

const expectedIds = "a list of indexes, UUIDs, PCI addresses or MIG names such as [0, GPU-3f2a]";
const id = () => z.union([whole(0, 1023, expectedIds), path(expectedIds)], { error: expectedIds });
const ids = () => z.array(id(), { error: expectedIds }).min(1, { error: expectedIds });
const expectedCount = "all, or how many, at least 1";
const count = () => z.union([z.literal("all"), whole(1, 1024, expectedCount)], { error: expectedCount });
const expectedVersion = "a version such as 550 or >=550.54";
const version = () =>
  z.union(
    [
      z.string().regex(/^(>=|<=|>|<|=)? ?\d+(\.\d+)*$/, { error: expectedVersion }),
      z.number({ error: expectedVersion }).positive({ error: expectedVersion }),
    ],
    { error: expectedVersion },
  );
const expectedMemory = 'a size such as 24GiB, or ">=24GiB"';
const memory = () =>
  z.union([z.string().regex(/^(>= ?)?\d+(\.\d+)?[A-Za-z]*$/, { error: expectedMemory }), size], {
    error: expectedMemory,
  });

const long = () =>
  z.strictObject({
    count: count().optional().describe("How many, free ones first; or all. Default: all that ids name."),
    ids: ids()
      .optional()
      .describe("Exactly these: indexes, UUIDs or their beginnings, PCI addresses, MIG names, CDI names."),
    memory: memory().optional().describe("Only GPUs with at least so much memory. Default: any."),
    model: path("part of a model's name")
      .optional()
      .describe("Only models whose name contains this. Default: any."),
    driver: version().optional().describe("Only with such a driver version. Default: any."),
    compute: version()
      .optional()
      .describe("Only GPUs of such a compute capability, e.g. >=8.0. Default: any."),
    capabilities: z
      .array(z.enum([...gpuCapabilities, "all"], { error: `${gpuCapabilities.join(", ")} or all` }), {
        error: "a list such as [compute, utility]",
      })
      .optional()
      .describe("What of the driver is attached. Default: compute and utility."),
    optional: flag.optional().describe("Go on without when there are none. Default false."),
    exclusive: flag.optional().describe("No other environment of the caller may have them. Default false."),
    mode: z
      .enum(["native", "toolkit"], { error: "native or toolkit" })
      .optional()
      .describe("toolkit: by nvidia-container-cli, where it is installed. Default: native."),
    mask: flag.optional().describe("Other GPUs are hidden in /proc/driver/nvidia. Default true."),
  });

const expected = "all, none, a count, a list of ids, or a map such as {count: 1, memory: 24GiB}";
const word = () => z.enum(["all", "none"], { error: expected });

export const gpus = () => z.union([word(), whole(0, 1024, expected), ids(), long()], { error: expected });

const expectedDevice =
  "a path such as /dev/kvm, /dev/kvm:/dev/inside, or a CDI name such as vendor.com/class=name";
const device = () =>
  z.strictObject({
    source: path("a path below /dev").describe("Device node of the host."),
    target: path("a path below /dev").optional().describe("Where it is inside. Default: as source."),
    access: z
      .enum(["r", "w", "rw"], { error: "r, w or rw" })
      .optional()
      .describe("What may be done with it. Default rw. Enforced as root only."),
  });

export const devices = () =>
  z.array(z.union([path(expectedDevice), device()], { error: expectedDevice }), {
    error: 'a list such as ["/dev/kvm"]',
  });
