import type { Environment } from "./environment.ts";
import type { ImpactTable } from "./impact.ts";
import type { Place, Places } from "./source.ts";

/** Who owns environments: the name and a hash of the root's real path, so that two clones differ. */
export interface ProjectIdentity {
  /** `<name>-<8 hex digits>`; the directory name under environments/ in the data directory. */
  readonly id: string;
  readonly name: string;
  /** Real path of the directory that holds the configuration. */
  readonly root: string;
}

/** Everything that config/ found: the desired state of a project. */
export interface Desired {
  readonly project: ProjectIdentity;
  /** Sorted by name. Only those whose profiles are active. */
  readonly environments: readonly Environment[];
  /** Names that exist in files but whose profiles are not active: left as they are. */
  readonly inactive: readonly string[];
  /** By environment name. */
  readonly places: ReadonlyMap<string, Places>;
  readonly impacts: ImpactTable;
  /** Every file that was read, absolute: what `watch` follows. */
  readonly files: readonly string[];
  /** Where the environment as such was written, by name. */
  readonly origin: ReadonlyMap<string, Place>;
  /** Values that no file says, by environment and path: where they come from ("image debian:12"). */
  readonly inherited?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** What is worth knowing of an environment and no value of it: ports that its image exposes. */
  readonly hints?: ReadonlyMap<string, readonly string[]>;
}
