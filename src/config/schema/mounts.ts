import * as z from "zod";
import { flag, path, size } from "./values.ts";

const mount = () =>
  z.strictObject({
    type: z
      .enum(["bind", "volume", "tmpfs"], { error: "bind, volume or tmpfs" })
      .optional()
      .describe(
        "bind (a path of the host), volume (kept by Pavlos for the project) or tmpfs (memory). Default: by source.",
      ),
    source: path("a path or the name of a volume")
      .optional()
      .describe("bind: a path, relative to this file; volume: its name; tmpfs: none."),
    target: path("an absolute path inside, or ~/...").describe(
      "Where it appears: an absolute path inside, or ~/...",
    ),
    readonly: flag.optional().describe("It cannot be written inside. Default false."),
    size: size
      .optional()
      .describe("tmpfs only: its largest size in bytes, such as 64MiB. Default: half of the memory."),
    create: flag
      .optional()
      .describe("bind only: make the source directory when it is missing. Default false."),
  });

const expected = 'a text such as "./data:/data:ro", or {source: ./data, target: /data}';
const short = () => path(expected).describe("source:target or source:target:ro");

export const mounts = () =>
  z.array(z.union([short(), mount()], { error: expected }), {
    error: 'a list such as ["./data:/data:ro"]',
  });
