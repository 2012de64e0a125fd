import { join } from "node:path";
import type { LiveLink } from "../../../native/live.ts";
import type { CdiHook } from "../../../oci/cdi.gen.ts";

/** What a hook does, when it is one that Pavlos does itself. */
export type KnownHook =
  | { readonly kind: "links"; readonly links: readonly LiveLink[] }
  | { readonly kind: "folders"; readonly folders: readonly string[] }
  /** Modes of nodes, which Pavlos sets itself; compatibility libraries, which an image brings. */
  | { readonly kind: "needless" };

/**
 * The hooks of NVIDIA's toolkit, done natively: nothing of the host's runs beside the container. Null:
 * another program.
 */
export function knownHook({ path, args = [] }: CdiHook): KnownHook | null {
  const program = path.split("/").at(-1) ?? "";
  if (!/^nvidia-(cdi-hook|ctk)$/.test(program)) return null;
  const words = args.slice(1).filter((word) => word !== "hook");
  const [verb, ...rest] = words;
  switch (verb) {
    case "create-symlinks":
      return { kind: "links", links: optionValues(rest, "link").flatMap(link) };
    case "update-ldcache":
      return { kind: "folders", folders: optionValues(rest, "folder") };
    case "chmod":
    case "enable-cuda-compat":
    case "disable-device-node-modification":
      return { kind: "needless" };
    default:
      return null;
  }
}

/** `--link a --link=b` */
function optionValues(words: readonly string[], name: string): readonly string[] {
  return words.flatMap((word, index) => {
    if (word.startsWith(`--${name}=`)) return [word.slice(name.length + 3)];
    const next = words[index + 1];
    return word === `--${name}` && next !== undefined ? [next] : [];
  });
}

/** `target::path` */
function link(text: string): readonly LiveLink[] {
  const [target, path] = text.split("::");
  return target && path ? [{ path: join("/", path), target }] : [];
}
