/** A path in an environment's root that is not as the layers below its writable one have it. */
export interface FileChange {
  /** Absolute, as inside. */
  readonly path: string;
  readonly change: "added" | "changed" | "removed";
  /** What it is now; of something removed what it was. */
  readonly kind: "file" | "directory" | "link" | "device" | "fifo" | "socket" | "unknown";
  /** Size of a file now; of a removed one before. */
  readonly bytes: number;
  /** What differs of something changed. */
  readonly differs: readonly ("content" | "kind" | "mode" | "owner")[];
  /** Of a directory that was renamed: where it was. */
  readonly from: string | null;
}

/** A package that is not as below, by what the package manager wrote down. */
export interface PackageChange {
  readonly manager: "dpkg" | "apk" | "rpm";
  readonly name: string;
  /** Version before; null: it was not installed. */
  readonly from: string | null;
  /** Version now; null: it was removed. */
  readonly to: string | null;
}

/** What was changed in one environment's root. */
export interface RootChanges {
  /** Sorted by path. */
  readonly files: readonly FileChange[];
  readonly packages: readonly PackageChange[];
  /** Which of `files` came with which package: path -> index in `packages`. */
  readonly owners: ReadonlyMap<string, number>;
}
