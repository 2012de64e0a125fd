/** What a change of a field costs, from nothing to a new container. Ordered. */
export const impacts = ["record", "live", "restart", "recreate"] as const;
export type Impact = (typeof impacts)[number];

/**
 * Impact by path in the canonical Environment ("resources.memory"); the longest matching prefix
 * counts ("resources.ulimits" over "resources"). It is generated from the schema's metadata.
 */
export type ImpactTable = Readonly<Record<string, Impact>>;
