import type { Files } from "../host/files.ts";
import type { HostFacts } from "../model/host.ts";
import type { Native } from "../native/native.ts";
import type { Flock } from "../state/lock.ts";
import type { LockFile } from "../state/lock-file/lock-file.ts";
import type { StatePaths } from "../state/paths.ts";

/** What every provider works with; made once per command. */
export interface Tools {
  readonly host: HostFacts;
  readonly paths: StatePaths;
  readonly files: Files;
  readonly native: Native;
  readonly flock: Flock;
  /** pavlos.lock of the project with this root. */
  readonly lockFile: (root: string) => LockFile;
  /** The caller's environment variables: for secrets and TERM. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
