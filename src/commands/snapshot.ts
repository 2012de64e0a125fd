import { failure } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Invocation, Verb } from "./invocation.ts";

/** `pavlos snapshot save|list|restore|rm NAME [SNAPSHOT]`: copies of writable layers. */
export const snapshot: Verb = async (invocation) => {
  const [action = "", ...args] = invocation.args;
  const inner: Invocation = { ...invocation, args };
  switch (action) {
    case "save":
      return (await import("./snapshot/save.ts")).save(inner);
    case "restore":
      return (await import("./snapshot/restore.ts")).restore(inner);
    case "list":
      return (await import("./snapshot/list.ts")).list(inner);
    case "rm":
      return (await import("./snapshot/remove.ts")).remove(inner);
    default:
      return failure([unknown(action)]);
  }
};

const unknown = (action: string): Problem => ({
  code: "usage",
  message: `snapshot does not know \`${action}\``,
  place: null,
  expected: "save, list, restore or rm",
  hint: "for example `pavlos snapshot save NAME before-upgrade`",
});
