/** A full name as config/ writes it, taken apart. */
export interface RegistryName {
  readonly registry: string;
  readonly repository: string;
  /** Null: only the digest counts. */
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Parts of `HOST/REPOSITORY[:TAG][@DIGEST]`. */
export function splitName(full: string): RegistryName {
  const at = full.indexOf("@");
  const name = at < 0 ? full : full.slice(0, at);
  const slash = name.indexOf("/");
  const rest = name.slice(slash + 1);
  const colon = rest.lastIndexOf(":");
  return {
    registry: name.slice(0, slash),
    repository: colon < 0 ? rest : rest.slice(0, colon),
    tag: colon < 0 ? null : rest.slice(colon + 1),
    digest: at < 0 ? null : full.slice(at + 1),
  };
}

/** Shorter where nothing is lost: Docker Hub's own images by their plain name. */
export const shortName = (full: string): string => full.replace(/^docker\.io\/(library\/)?/, "");

/** Path and tag of `oci:PATH[:TAG]` and its like. */
export function splitLocal(full: string): { readonly path: string; readonly tag: string | null } {
  const rest = full.slice(full.indexOf(":") + 1);
  const colon = rest.indexOf(":");
  return colon < 0 ? { path: rest, tag: null } : { path: rest.slice(0, colon), tag: rest.slice(colon + 1) };
}

/** `oci:`, `oci-archive:`, `docker-archive:`, `simplestreams:`; null: an image in a registry. */
export function sourceKind(full: string): "oci" | "oci-archive" | "docker-archive" | "simplestreams" | null {
  const kind = /^(oci|oci-archive|docker-archive|simplestreams):/.exec(full)?.[1];
  return (kind ?? null) as ReturnType<typeof sourceKind>;
}
