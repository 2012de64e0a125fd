import { realFiles } from "../host/real-files.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { readNetworks } from "../state/networks.ts";
import { type ListedNetwork, renderNetwork, renderNetworks } from "../ui/networks.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { findProject } from "./projects.ts";

/** `pavlos network ls` and `pavlos network inspect [name]`: what is kept of the project's networks. */
export const network: Verb = async (invocation) => {
  const [action = "ls", name] = invocation.args;
  if (action !== "ls" && action !== "inspect")
    return failure([
      {
        code: "unknown-action",
        message: `network has no action \`${action}\``,
        place: null,
        expected: "ls, or inspect [name]",
      },
    ]);
  const found = await networksHere(invocation);
  if (!found.ok) return found;
  const chosen = found.value.filter((one) => name === undefined || one.name === name);
  if (name !== undefined && chosen.length === 0) return failure([unknown(name, found.value)]);
  print(invocation, action, chosen);
  return success(0);
};

async function networksHere(
  invocation: Invocation,
): Promise<Result<readonly ListedNetwork[], readonly Problem[]>> {
  const project = await findProject(invocation);
  if (!project.ok) return project;
  const { paths, identity } = project.value;
  const { networks, members } = readNetworks(realFiles, paths, identity.id);
  return success(
    Object.entries(networks).map(([name, state]) => ({
      name,
      ...state,
      members: Object.entries(members).flatMap(([environment, { links, ports }]) =>
        links
          .filter((link) => link.network === name)
          .map(({ ip, ip6, veth }) => ({ environment, ip, ip6, veth, ports })),
      ),
    })),
  );
}

function print(
  { globals, terminal }: Invocation,
  action: "ls" | "inspect",
  networks: readonly ListedNetwork[],
): void {
  if (globals.json) terminal.out(JSON.stringify({ version: 1, networks }, null, 2));
  else if (globals.quiet) for (const { name } of networks) terminal.out(name);
  else if (networks.length === 0)
    terminal.err("No networks: the first environment with `network: {networks: [...]}` makes its own.");
  else if (action === "ls") terminal.out(renderNetworks(networks, terminal.outStyle));
  else terminal.out(networks.map((one) => renderNetwork(one, terminal.outStyle)).join("\n\n"));
}

const unknown = (name: string, networks: readonly ListedNetwork[]): Problem => ({
  code: "unknown-network",
  message: `there is no network \`${name}\` here`,
  place: null,
  expected: networks.length > 0 ? `one of ${networks.map((one) => one.name).join(", ")}` : "none is in use",
});
