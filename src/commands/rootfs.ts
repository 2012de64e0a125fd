import { failure } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Invocation, Verb } from "./invocation.ts";

/** `pavlos rootfs create|list|export|rm`: roots that the user keeps by a name. */
export const rootfs: Verb = async (invocation) => {
  const [action = "", ...args] = invocation.args;
  const inner: Invocation = { ...invocation, args };
  switch (action) {
    case "create":
      return (await import("./rootfs/create.ts")).create(inner);
    case "list":
      return (await import("./rootfs/keep.ts")).list(inner);
    case "rm":
      return (await import("./rootfs/keep.ts")).remove(inner);
    case "export":
      return (await import("./rootfs/keep.ts")).exportNamed(inner);
    default:
      return failure([unknown(action)]);
  }
};

const unknown = (action: string): Problem => ({
  code: "usage",
  message: `rootfs does not know \`${action}\``,
  place: null,
  expected: "create, list, export or rm",
  hint: "for example `pavlos rootfs create base --bootstrap bookworm`",
});
