import type { Environment, Isolation, Ulimit } from "../model/environment.ts";
import type { HostFacts } from "../model/host.ts";
import type { Contribution } from "../providers/provider.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { Identity, IdMap } from "./identity.ts";
import { mountsOf } from "./mounts.ts";
import type {
  OciConfig,
  OciDevice,
  OciIdMapping,
  OciLinux,
  OciMountEntry,
  OciNamespace,
  OciProcess,
  OciResources,
  OciRlimit,
} from "./oci-runtime.gen.ts";
import { deviceRules, everyDevice, maskedSystemPaths, readonlySystemPaths } from "./system.ts";
import { variablesOf } from "./variables.ts";

/** All that config.json is made from. */
export interface ConfigSources {
  readonly environment: Environment;
  readonly identity: Identity;
  readonly host: HostFacts;
  readonly contributions: readonly Contribution[];
  readonly containerId: string;
  /** linux.seccomp; null: none. */
  readonly seccomp: Readonly<Record<string, unknown>> | null;
  /** Capabilities that can be given at all (names without CAP_). */
  readonly capabilities: readonly string[];
  /** The caller's TERM. */
  readonly term: string | undefined;
}

/** An environment as an OCI runtime takes it. Pure. */
export function configOf(sources: ConfigSources): OciConfig {
  const { environment, identity, contributions } = sources;
  const rootPath = contributions.findLast((part) => part.rootPath !== undefined)?.rootPath;
  return {
    ociVersion: "1.3.0",
    process: processOf(sources),
    root: { path: rootPath ?? "rootfs", readonly: environment.readonly },
    ...(environment.isolation.uts ? { hostname: environment.hostname } : {}),
    mounts: mountsOf(environment, identity, contributions).map(
      ({ options, ...mount }): OciMountEntry => ({ ...mount, ...(options ? { options: [...options] } : {}) }),
    ),
    annotations: annotationsOf(sources),
    ...hooksOf(contributions),
    linux: linuxOf(sources),
  };
}

/** By their points; absent without any. Their environment is empty: the container's is not theirs. */
function hooksOf(contributions: readonly Contribution[]): Pick<OciConfig, "hooks"> {
  const hooks = contributions.flatMap((part) => part.hooks ?? []);
  if (hooks.length === 0) return {};
  const points = Map.groupBy(hooks, ({ point }) => point);
  const entries = [...points].map(([point, list]) => [
    point,
    list.map(({ path, args, timeout }) => ({
      path,
      args: [...args],
      env: [],
      ...(timeout === undefined ? {} : { timeout }),
    })),
  ]);
  return { hooks: Object.fromEntries(entries) };
}

/** config.json's text. No JavaScript number is RLIM_INFINITY: it would be printed rounded. */
export const printConfig = (config: OciConfig): string =>
  JSON.stringify(config).replaceAll(String(unlimited), "18446744073709551615");

const unlimited = 2 ** 64;

function processOf({
  environment,
  identity,
  host,
  contributions,
  capabilities,
  term,
}: ConfigSources): OciProcess {
  const { security, resources } = environment;
  const { user } = identity;
  const groups = contributions.flatMap((part) => part.groups ?? []);
  const fallback = user.kind === "me" ? host.caller.home : "/";
  return {
    terminal: environment.tty,
    user: {
      uid: user.uid ?? 0,
      gid: user.gid ?? 0,
      ...(groups.length > 0 ? { additionalGids: groups } : {}),
    },
    args: [...environment.command],
    env: variablesOf({ environment, caller: host.caller, user, contributions, term }),
    cwd:
      environment.workdir ??
      contributions.findLast((part) => part.workdir !== undefined)?.workdir ??
      fallback,
    capabilities: capabilitiesOf(security, user.kind === "root", capabilities),
    rlimits: Object.entries(resources.ulimits).map(([name, ulimit]) => rlimit(name, ulimit)),
    noNewPrivileges: security.noNewPrivileges && !security.privileged,
    ...(resources.oomScore === null ? {} : { oomScoreAdj: resources.oomScore }),
  };
}

const rlimit = (name: string, { soft, hard }: Ulimit): OciRlimit => ({
  type: `RLIMIT_${name.toUpperCase()}`,
  soft: soft === "unlimited" ? unlimited : soft,
  hard: hard === "unlimited" ? unlimited : hard,
});

function annotationsOf({
  environment,
  identity,
  host,
  contributions,
}: ConfigSources): Record<string, string> {
  const { user } = identity;
  const { caller } = host;
  const account = {
    name: caller.name,
    uid: caller.uid,
    gid: caller.gid,
    group: caller.group,
    home: caller.home,
    shell: caller.shell,
  };
  return {
    ...(environment.init || environment.command.length === 0 ? { "io.pavlos.init": "true" } : {}),
    ...(environment.command.length === 0 ? { "io.pavlos.idle": "true" } : {}),
    ...(user.lookup === null ? {} : { "io.pavlos.user": user.lookup }),
    ...(user.kind === "me" ? { "io.pavlos.account": JSON.stringify(account) } : {}),
    ...Object.assign({}, ...contributions.map((part) => part.annotations)),
  };
}

function linuxOf({
  environment,
  identity,
  host,
  contributions,
  containerId,
  seccomp,
}: ConfigSources): OciLinux {
  const { security, isolation } = environment;
  const masks = security.masks && !security.privileged;
  const hidden = contributions.flatMap((part) => part.maskedPaths ?? []);
  const isRoot = host.caller.uid === 0;
  const resources: OciResources = Object.assign(
    isRoot ? { devices: security.privileged ? everyDevice : deviceRules } : {},
    ...contributions.map((part) => part.resources),
  );
  return {
    namespaces: namespacesOf(isolation, identity, contributions),
    ...(identity.mapping === "none"
      ? {}
      : { uidMappings: identity.uids.map(mapping), gidMappings: identity.gids.map(mapping) }),
    devices: contributions.flatMap((part) => (part.devices ?? []) as readonly OciDevice[]),
    cgroupsPath: isRoot ? `/pavlos/${containerId}` : `pavlos/${containerId}`,
    resources,
    ...(seccomp === null || security.privileged ? {} : { seccomp: { ...seccomp } }),
    maskedPaths: [...(masks ? maskedSystemPaths : []), ...hidden],
    readonlyPaths: masks ? [...readonlySystemPaths] : [],
  };
}

function namespacesOf(
  isolation: Isolation,
  identity: Identity,
  contributions: readonly Contribution[],
): OciNamespace[] {
  const own = (["pid", "uts", "ipc", "cgroup", "time"] as const).filter((kind) => isolation[kind]);
  const given = contributions.flatMap((part) => part.namespaces ?? []);
  const hasUser = identity.mapping === "none" || given.some(({ type }) => type === "user");
  return [
    ...(hasUser ? [] : [{ type: "user" as const }]),
    // What is joined comes first where it is a user namespace: it has the right to join the others.
    ...given.toSorted((a, b) => Number(b.type === "user") - Number(a.type === "user")),
    { type: "mount" },
    ...own.map((type): OciNamespace => ({ type })),
  ];
}

const mapping = ({ container, host, count }: IdMap): OciIdMapping => ({
  containerID: container,
  hostID: host,
  size: count,
});
