import type { Verb } from "./invocation.ts";
import type { CommandName } from "./table.ts";

/** The code behind each command; only that of the one asked for is loaded. */
export const verbs: Readonly<Record<CommandName, () => Promise<Verb>>> = {
  init: async () => (await import("./init.ts")).init,
  diff: async () => (await import("./diff.ts")).diff,
  apply: async () => (await import("./apply.ts")).apply,
  watch: async () => (await import("./watch.ts")).watch,
  pull: async () => (await import("./pull.ts")).pull,
  update: async () => (await import("./update.ts")).update,
  ps: async () => (await import("./ps.ts")).ps,
  shell: async () => (await import("./shell.ts")).shell,
  exec: async () => (await import("./exec.ts")).exec,
  run: async () => (await import("./run.ts")).run,
  logs: async () => (await import("./logs.ts")).logs,
  start: async () => (await import("./errands.ts")).start,
  stop: async () => (await import("./errands.ts")).stop,
  restart: async () => (await import("./errands.ts")).restart,
  destroy: async () => (await import("./errands.ts")).destroy,
  snapshot: async () => (await import("./snapshot.ts")).snapshot,
  config: async () => (await import("./config.ts")).config,
  build: async () => (await import("./build.ts")).build,
  export: async () => (await import("./export.ts")).exportEnvironment,
  import: async () => (await import("./import.ts")).importFile,
  images: async () => (await import("./images.ts")).images,
  gc: async () => (await import("./gc.ts")).gc,
  du: async () => (await import("./du.ts")).du,
  schema: async () => (await import("./schema.ts")).schema,
  doctor: async () => (await import("./doctor.ts")).doctor,
  completion: async () => (await import("./completion.ts")).completion,
};
