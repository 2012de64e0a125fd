import { success } from "../model/result.ts";
import type { Verb } from "./invocation.ts";

/** `pavlos schema`: for editors that read it from a file of the project. */
export const schema: Verb = async ({ terminal }) => {
  const { environmentJsonSchema } = await import("../config/json-schema.ts");
  terminal.out(JSON.stringify(environmentJsonSchema(), null, 2));
  return success(0);
};
