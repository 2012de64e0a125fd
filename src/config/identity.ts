import { basename } from "node:path";
import { hashOf } from "../model/hash.ts";
import type { ProjectIdentity } from "../model/project.ts";

/** The identity of the project at a root (its real path): two clones of one repository differ. */
export function projectIdentity(root: string, name: string | null): ProjectIdentity {
  const chosen = name ?? sanitised(basename(root));
  const digest = hashOf(root).slice(0, 8);
  return { id: `${chosen}-${digest}`, name: chosen, root };
}

/** A directory's name as a project's: lower-case letters, digits and -. */
function sanitised(name: string): string {
  const cleaned = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return cleaned === "" ? "project" : cleaned;
}
