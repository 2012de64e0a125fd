import type { Attachment } from "../attachment.ts";
import { type Attaching, attachmentOf } from "./attach.ts";
import type { Driver } from "./model.ts";
import { keyOf } from "./select.ts";

/** By what one look at the machine found, and what is asked of it. */
const known = new WeakMap<Driver, Map<string, Attachment>>();

/** Many environments often ask for the same, and each is planned more than once. */
export function attachOnce(attaching: Attaching): Attachment {
  const { driver, files, chosen, ...asked } = attaching;
  const attached = known.get(driver) ?? new Map<string, Attachment>();
  known.set(driver, attached);
  const key = JSON.stringify([asked, chosen.map(keyOf)]);
  const there = attached.get(key);
  if (there !== undefined) return there;
  const made = attachmentOf(attaching);
  attached.set(key, made);
  return made;
}
