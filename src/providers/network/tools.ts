import type { Programs } from "../../host/programs.ts";
import type { Tools } from "../tools.ts";

/** What this provider needs besides: ip, nft, and pasta or slirp4netns. */
export interface NetworkTools extends Tools {
  readonly programs: Programs;
}
