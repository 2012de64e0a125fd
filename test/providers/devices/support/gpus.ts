import type { Gpus } from "../../../../src/model/gpus.ts";

/** `gpus: all` */
export const gpus: Gpus = {
  want: "all",
  memory: null,
  model: null,
  driver: null,
  compute: null,
  capabilities: ["compute", "utility"],
  optional: false,
  exclusive: false,
  mode: "native",
  mask: true,
};
