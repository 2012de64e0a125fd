import { realFiles } from "../host/real-files.ts";
import type { Instance } from "../model/instance.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { readNetworks } from "../state/networks.ts";
import { instanceDocument, missingDocument } from "../ui/documents.ts";
import { type Listed, renderInstances } from "../ui/instances.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { lookAt } from "./look.ts";
import { findProject, recordedProjects } from "./projects.ts";
import { openTools, type Project } from "./session.ts";

/** `pavlos ps`: what exists, and what the files name and nobody has made yet (missing). */
export const ps: Verb = async (invocation) => {
  const { options, globals, terminal } = invocation;
  const everywhere = options.all === true;
  const projects = everywhere ? recordedProjects() : await onlyProject(invocation);
  if (!projects.ok) return projects;
  const looks = await Promise.all(
    projects.value.map((project) => entriesOf(invocation, project, everywhere)),
  );
  const broken = looks.flatMap((look) => (look.ok ? [] : look.failure));
  if (broken.length > 0) return failure(broken);
  const entries = looks.flatMap((look) => (look.ok ? look.value : []));
  if (globals.json)
    terminal.out(
      JSON.stringify(
        entries.map(({ document }) => document),
        null,
        2,
      ),
    );
  else if (globals.quiet) for (const { listed } of entries) terminal.out(listed.name);
  else if (entries.length === 0)
    terminal.err("Nothing here yet: `pavlos init` writes a first file, `pavlos apply` makes it.");
  else
    terminal.out(
      renderInstances(
        entries.map(({ listed }) => listed),
        { style: terminal.outStyle, base: process.cwd(), now: new Date() },
      ),
    );
  return success(0);
};

interface Entry {
  readonly listed: Listed;
  readonly document: object;
}

async function onlyProject(invocation: Invocation): Promise<Result<readonly Project[], readonly Problem[]>> {
  const project = await findProject(invocation);
  return project.ok ? success([project.value]) : project;
}

async function entriesOf(
  invocation: Invocation,
  project: Project,
  everywhere: boolean,
): Promise<Result<readonly Entry[], readonly Problem[]>> {
  const look = await lookAt(invocation, project, everywhere ? "without files" : "with files");
  if (!look.ok) return look;
  const { instances, unmade, problems } = look.value;
  if (problems.length > 0)
    invocation.terminal.err(`! the files have problems, \`pavlos diff\` shows them: ${problems[0]?.message}`);
  const { name } = project.identity;
  const shown = everywhere ? name : null;
  const gpus = await gpusOf(project, instances);
  const { members } = readNetworks(realFiles, project.paths, project.identity.id);
  const made = instances.map((instance): Entry => {
    const { record, process } = instance;
    const own = gpus.get(instance.name) ?? [];
    const { links = [], ports = [] } = members[instance.name] ?? {};
    const addresses = links.map(({ network, ip, ip6 }) => ({ network, ip, ip6 }));
    return {
      listed: {
        ...process,
        project: shown,
        name: instance.name,
        rootfs: record.spec.rootfs,
        addresses: addresses.map(({ ip }) => ip),
        ports,
        gpus: own,
      },
      document: { ...instanceDocument(name, instance), addresses, ports, gpus: own },
    };
  });
  const missing = unmade.map((environment): Entry => {
    const nothing = {
      status: "missing",
      pid: null,
      startedAt: null,
      exitCode: null,
      addresses: [],
      ports: [],
    } as const;
    return {
      listed: { ...nothing, project: shown, name: environment.name, rootfs: environment.rootfs },
      document: missingDocument(name, environment),
    };
  });
  return success(
    [...made, ...missing].sort((left, right) => (left.listed.name < right.listed.name ? -1 : 1)),
  );
}

/** By environment, UUIDs (or PCI addresses) of the GPUs that it has; what has none costs nothing. */
async function gpusOf(
  project: Project,
  instances: readonly Instance[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const having = instances.filter(({ record, process }) => record.spec.gpus !== null && process.pid !== null);
  if (having.length === 0) return new Map();
  const tools = openTools(project);
  if (!tools.ok) return new Map();
  const { readStored } = await import("../providers/devices/stored.ts");
  return new Map(
    having.map(({ name }) => [name, readStored(tools.value, project.identity.id, name).gpus] as const),
  );
}
