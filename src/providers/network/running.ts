import { startTimeOf } from "../../native/state.ts";
import type { HolderState } from "./ground.ts";
import type { Layout } from "./layout.ts";
import type { NetworkTools } from "./tools.ts";

/** What was set up since the machine started, written after each step that worked. */
export interface Running {
  /** By environment: the links that its namespace has, as text. */
  readonly members: Readonly<Record<string, string>>;
  /** The rules as they were given. */
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

export function readRunning(tools: NetworkTools, layout: Layout): Running {
  const written = parse(tools.files.readText(layout.state));
  const holder = written.holder ?? processIn(tools, layout.holderFile, "hold");
  const pasta = processIn(tools, layout.pastaFile, layout.pastaFile);
  // It was started and its starter died before it could say so: of unknown arguments, so it is replaced.
  const outlet = written.outlet ?? (pasta === null ? null : { ...pasta, program: "pasta", args: [] });
  return { ...written, holder, outlet };
}

function parse(text: string | null): Running {
  if (text === null) return nothingRunning;
  try {
    return { ...nothingRunning, ...(JSON.parse(text) as Running) };
  } catch {
    // Damaged: everything is looked at and set up again.
    return nothingRunning;
  }
}

/** The process whose pid is in a file, if its command line shows that it is still that one. */
function processIn({ files }: NetworkTools, path: string, mark: string): HolderState | null {
  const pid = Number(files.readText(path) ?? Number.NaN);
  if (!(pid > 0)) return null;
  const words = files.readText(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
  const startTime = words.includes(mark) ? startTimeOf(files, pid) : null;
  return startTime === null ? null : { pid, startTime };
}

export function writeRunning({ files }: NetworkTools, layout: Layout, running: Running): void {
  files.makeDirectory(layout.directory, 0o700);
  files.replace(layout.state, JSON.stringify(running));
}
