import type { HolderState } from "./ground.ts";
import type { Layout } from "./layout.ts";
import type { NetworkTools } from "./tools.ts";

/** What was set up since the machine started, written after each step that worked. */
export interface Running {
  /** By environment: the links that its namespace has, as text. */
  readonly members: Readonly<Record<string, string>>;
  /** Of the rules as they were given. */
  readonly rules: string;
  /** The rules as the kernel lists them. */
  readonly listing: string;
  /** Without root: who keeps the network. */
  readonly holder: HolderState | null;
  /** Without root: who connects it to the machine's. */
  readonly outlet: OutletState | null;
}

export interface OutletState extends HolderState {
  readonly program: "pasta" | "slirp4netns";
  /** Its arguments, to see whether they changed. */
  readonly args: readonly string[];
}

export const nothingRunning: Running = { members: {}, rules: "", listing: "", holder: null, outlet: null };

export function readRunning({ files }: NetworkTools, layout: Layout): Running {
  const text = files.readText(layout.state);
  if (text === null) return nothingRunning;
  try {
    return { ...nothingRunning, ...(JSON.parse(text) as Running) };
  } catch {
    // Damaged: everything is looked at and set up again.
    return nothingRunning;
  }
}

export function writeRunning({ files }: NetworkTools, layout: Layout, running: Running): void {
  files.makeDirectory(layout.directory, 0o700);
  files.replace(layout.state, JSON.stringify(running));
}
