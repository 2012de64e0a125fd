import type { Environment, Rootfs } from "../../../src/model/environment.ts";
import type { Event } from "../../../src/model/event.ts";
import type { Drift, Process } from "../../../src/model/instance.ts";
import type { ProjectIdentity } from "../../../src/model/project.ts";
import { failure, type Result, success } from "../../../src/model/result.ts";
import type { Problem } from "../../../src/model/source.ts";
import type { Created, Launcher, Provider } from "../../../src/providers/provider.ts";
import type { Machinery } from "../../../src/reconcile/api.ts";
import { differences } from "../../../src/reconcile/compare.ts";
import type { Locker } from "../../../src/state/lock.ts";
import { containerIdOf } from "../../../src/state/paths.ts";
import { openProjectState } from "../../../src/state/project.ts";
import { type MemoryFiles, memoryFiles } from "../../host/support/memory-files.ts";
import { project as demo } from "./environments.ts";

/** A container as the fake kernel knows it. */
export interface Container {
  readonly id: string;
  readonly projectId: string;
  readonly pid: number;
  held: boolean;
  /** What it was made from, with the live changes since. */
  spec: Environment;
}

/** The writable layer of an environment, by container id. */
export interface Layer {
  rootfs: Rootfs;
  /** What was written into it, hooks included. */
  written: string[];
}

/** A machine in memory: it outlives every pavlos that works on it. */
export class World {
  readonly containers = new Map<string, Container>();
  readonly layers = new Map<string, Layer>();
  /** Layers that are kept until the new one is certain, by container id. */
  readonly asides = new Map<string, Layer>();
  /** Environments whose health checks fail; others are healthy at once. */
  readonly sick = new Set<string>();
  /** Exit codes of containers that ended by themselves, by id. */
  readonly exits = new Map<string, { readonly exitCode: number; readonly killed: boolean }>();
  readonly secrets = new Map<string, string>();
  /** Steps that fail: "create web", "start web", "change web", "prepare web", "hook web". */
  readonly broken = new Set<string>();
  /** As `broken`, the next time only. */
  readonly brokenOnce = new Set<string>();
  readonly log: string[] = [];
  /** Sizes of the launcher's calls. */
  readonly batches: { readonly verb: string; readonly size: number }[] = [];
  readonly files: MemoryFiles;
  /** Effects that are left until the running pavlos is killed; Infinity: never. */
  lifetime = Number.POSITIVE_INFINITY;
  effects = 0;
  #pid = 1000;
  #locked = false;
  #waiters: (() => void)[] = [];

  constructor() {
    this.files = memoryFiles((what) => this.effect(what));
  }

  /** Comes before each effect; a killed pavlos has no more of them. */
  effect(what: string): void {
    if (this.lifetime <= 0) throw new Error("killed");
    this.lifetime -= 1;
    this.effects += 1;
    this.log.push(what);
  }

  /** Its next pavlos: the kernel has freed the lock of the killed one. */
  revive(): void {
    this.lifetime = Number.POSITIVE_INFINITY;
    this.#locked = false;
  }

  container(name: string, project: ProjectIdentity = demo): Container | undefined {
    return this.containers.get(containerIdOf(project.id, name));
  }

  /** The command came to its end by itself. */
  exit(name: string, exitCode: number, killed = false): void {
    const id = containerIdOf(demo.id, name);
    this.containers.delete(id);
    this.exits.set(id, { exitCode, killed });
  }

  locker: Locker = async (_path, options) => {
    if (this.#locked) options.waiting("pid 1, `pavlos apply`");
    while (this.#locked) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    this.#locked = true;
    const release = (): void => {
      this.#locked = false;
      for (const waiter of this.#waiters.splice(0)) waiter();
    };
    return success({ release });
  };

  machinery(project: ProjectIdentity = demo, report: (event: Event) => void = () => undefined): Machinery {
    const paths = { data: "/data", run: "/run" };
    const now = (): Date => new Date("2026-11-23T10:00:00Z");
    return {
      project,
      providers: [this.#rootfs(project), this.#everything(project)],
      launcher: this.#launcher(project),
      state: openProjectState(project, { files: this.files, locker: this.locker, paths, now }),
      now,
      report,
      signal: new AbortController().signal,
    };
  }

  #step(verb: string, name: string): Result<void, Problem> {
    this.effect(`${verb} ${name}`);
    const what = `${verb} ${name}`;
    if (!this.brokenOnce.delete(what) && !this.broken.has(what)) return success(undefined);
    return failure(problem(verb, name));
  }

  #launcher(project: ProjectIdentity): Launcher {
    return {
      processes: async (records) =>
        new Map(records.map((record) => [record.name, this.#process(record.containerId)])),
      secretHashes: async (environments) =>
        new Map(environments.map((environment) => [environment.name, this.#hashes(environment)])),
      strays: async (records) => {
        const known = new Set(records.map((record) => record.containerId));
        const own = [...this.containers.values()].filter((container) => container.projectId === project.id);
        return own.map((container) => container.id).filter((id) => !known.has(id));
      },
      create: async (requests) => {
        this.batches.push({ verb: "create", size: requests.length });
        const answers = new Map<string, Result<Created, Problem>>();
        for (const { environment } of requests)
          answers.set(environment.name, this.#create(project, environment));
        return answers;
      },
      hook: async (environment, containerId, command) => {
        const done = this.#step("hook", environment.name);
        if (done.ok) this.layers.get(containerId)?.written.push(command.join(" "));
        return done;
      },
      reach: async ({ name, containerId }, condition) => {
        const exit = this.exits.get(containerId);
        const running = this.containers.get(containerId)?.held === false;
        const completed = exit?.exitCode === 0;
        const reached = {
          started: running || completed,
          healthy: running && !this.sick.has(name),
          completed,
        };
        return reached[condition] ? success(undefined) : failure(problem("reach", name));
      },
      verify: async ({ name }) => {
        const done = this.#step("verify", name);
        return done.ok && this.sick.has(name) ? failure(problem("verify", name)) : done;
      },
      start: async (ids) => this.#each("start", ids, (id) => this.#start(id)),
      stop: async (ids) => this.#each("stop", ids, (id) => this.#stop(id)),
    };
  }

  async #each(verb: string, ids: readonly string[], work: (id: string) => Result<void, Problem>) {
    this.batches.push({ verb, size: ids.length });
    await Promise.resolve();
    return new Map(ids.map((id) => [id, work(id)]));
  }

  #process(id: string): Process {
    const container = this.containers.get(id);
    if (container !== undefined)
      return {
        status: container.held ? "starting" : "running",
        pid: container.pid,
        startedAt: "2026-11-23T10:00:00Z",
        exitCode: null,
        killed: false,
      };
    const exit = this.exits.get(id);
    if (exit === undefined)
      return { status: "missing", pid: null, startedAt: null, exitCode: null, killed: false };
    return { status: exit.exitCode === 0 ? "stopped" : "failed", pid: null, startedAt: null, ...exit };
  }

  #hashes(environment: Environment): Readonly<Record<string, string>> {
    const names = Object.keys(environment.secrets).filter((name) => this.secrets.has(name));
    return Object.fromEntries(names.map((name) => [name, `hash of ${this.secrets.get(name)}`]));
  }

  #create(project: ProjectIdentity, environment: Environment): Result<Created, Problem> {
    const id = containerIdOf(project.id, environment.name);
    const done = this.#step("create", environment.name);
    if (!done.ok) return done;
    const layer = this.layers.get(id);
    if (layer === undefined) throw new Error(`${id} is created without a prepared root`);
    if (differences(layer.rootfs, environment.rootfs).length > 0)
      throw new Error(`${id} is on another root's layer`);
    if (this.containers.get(id)?.held === false)
      throw new Error(`${id} runs already: two would share a layer`);
    this.#pid += 1;
    this.exits.delete(id);
    this.containers.set(id, { id, projectId: project.id, pid: this.#pid, held: true, spec: environment });
    return success({ containerId: id, pid: this.#pid, secretHashes: this.#hashes(environment) });
  }

  #start(id: string): Result<void, Problem> {
    const container = this.containers.get(id);
    if (container === undefined) throw new Error(`${id} is started without being created`);
    const done = this.#step("start", container.spec.name);
    if (done.ok) container.held = false;
    return done;
  }

  #stop(id: string): Result<void, Problem> {
    const done = this.#step("stop", this.containers.get(id)?.spec.name ?? id);
    if (done.ok) this.containers.delete(id);
    if (done.ok) this.exits.delete(id);
    return done;
  }

  #rootfs(project: ProjectIdentity): Provider {
    const idOf = (name: string): string => containerIdOf(project.id, name);
    return {
      name: "rootfs",
      fields: ["rootfs"],
      prepare: async (environment, _context, { fresh }) => {
        const id = idOf(environment.name);
        const done = this.#step("prepare", environment.name);
        if (!done.ok) return done;
        if (fresh && this.containers.has(id))
          throw new Error(`the layer of ${id} is removed under its container`);
        if (fresh || !this.layers.has(id)) this.layers.set(id, { rootfs: environment.rootfs, written: [] });
        return done;
      },
      aside: async ({ name }, step) => {
        const id = idOf(name);
        const done = this.#step(`aside-${step}`, name);
        if (!done.ok) return done;
        const [layer, kept] = [this.layers.get(id), this.asides.get(id)];
        if (step === "drop") this.asides.delete(id);
        if (step === "keep" && kept === undefined && layer !== undefined) {
          if (this.containers.has(id)) throw new Error(`the layer of ${id} is moved under its container`);
          this.asides.set(id, layer);
          this.layers.delete(id);
        }
        if (step === "back" && kept !== undefined) {
          if (this.containers.has(id)) throw new Error(`the layer of ${id} is moved under its container`);
          this.layers.set(id, kept);
          this.asides.delete(id);
        }
        return done;
      },
      written: async (records) =>
        new Map(
          records.map((record) => {
            const bytes = (this.layers.get(record.containerId)?.written ?? []).length;
            return [record.name, { bytes, since: record.createdAt }];
          }),
        ),
      remove: async (name) => {
        const done = this.#step("remove", name);
        if (this.containers.has(idOf(name))) throw new Error(`${name} is removed while it runs`);
        if (done.ok) this.layers.delete(idOf(name));
        if (done.ok) this.asides.delete(idOf(name));
        return done;
      },
    };
  }

  /** Owns what can change live, and sees drift of limits. */
  #everything(project: ProjectIdentity): Provider {
    return {
      name: "everything",
      fields: ["env", "hostname", "stop", "restart", "health", "hooks", "mounts", "resources"],
      observe: async (instances) =>
        new Map(
          instances.map(({ record }) => {
            const live = this.containers.get(record.containerId)?.spec.resources;
            const found = differences(record.spec.resources, live, "resources");
            return [record.name, new Map(found.map(({ path, to }): [string, Drift] => [path, drifted(to)]))];
          }),
        ),
      change: async (environment, fields) => {
        const done = this.#step("change", environment.name);
        const container = this.containers.get(containerIdOf(project.id, environment.name));
        if (!done.ok || container === undefined) return done;
        for (const field of fields) {
          const top = field.split(/[.[]/)[0] ?? field;
          container.spec = { ...container.spec, [top]: Reflect.get(environment, top) };
        }
        return done;
      },
    };
  }
}

const problem = (verb: string, name: string): Problem => ({
  code: `${verb}-failed`,
  message: `${verb} of ${name} failed`,
  place: null,
});

const drifted = (live: unknown): Drift => ({ live, reason: "changed outside Pavlos" });
