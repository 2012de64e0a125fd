/** A kept copy of an environment's writable layer; on disk as snapshot.json beside it. */
export interface SnapshotRecord {
  readonly version: 1;
  /** Unique in the environment: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** running: it stood still while it was copied. moving: it ran on, files may not fit together. */
  readonly state: "stopped" | "running" | "moving";
  /** The layers that it lies over, by the place inside; only over these it can be put back. */
  readonly layers: Readonly<Record<string, readonly string[]>>;
  /** Since when the layer collected what is in it, ISO 8601. */
  readonly since: string;
  /** The `created` hooks had run in it. */
  readonly hooked: boolean;
  /** Bytes of its files. */
  readonly bytes: number;
  /** Those of `bytes` that shared their place on the disk with the original when it was made. */
  readonly shared: number;
}

/** The snapshot that a recreate makes of the layer that it replaces; it replaces that of the recreate before. */
export const beforeRecreate = "before-recreate";
