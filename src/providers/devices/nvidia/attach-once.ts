import type { Attachment } from "../attachment.ts";
import { type Attaching, attachmentOf, type Skeleton, skeletonOf } from "./attach.ts";
import type { Driver } from "./model.ts";
import { keyOf } from "./select.ts";

interface Attached {
  readonly skeleton: Skeleton;
  readonly attachment: Attachment;
}

/** By what one look at the machine found, and what is asked of it. */
const known = new WeakMap<Driver, Map<string, Attached>>();

/** Many environments often ask for the same, and each is planned more than once. */
export function attachOnce(attaching: Attaching): Attached {
  const { driver, files, chosen, ...asked } = attaching;
  const attached = known.get(driver) ?? new Map<string, Attached>();
  known.set(driver, attached);
  const key = JSON.stringify([asked, chosen.map(keyOf)]);
  const there = attached.get(key);
  if (there !== undefined) return there;
  const skeleton = skeletonOf(attaching);
  const made = { skeleton, attachment: attachmentOf(attaching, skeleton) };
  attached.set(key, made);
  return made;
}
