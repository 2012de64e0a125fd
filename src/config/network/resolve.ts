import { formatAddress, isForHosts, parseAddress, parseSubnet } from "../../host/addresses.ts";
import type { Network, NetworkDefinition, Port } from "../../model/environment.ts";
import type { EnvironmentInput } from "../schema.ts";
import { report, type Scope, textsAt } from "../scope.ts";
import { didYouMean } from "../suggest.ts";
import { nodeAt } from "../tree.ts";
import { collide, parsePort } from "./ports.ts";

type Path = readonly PropertyKey[];

/** What `network` means. */
export function resolveNetwork(scope: Scope, input: EnvironmentInput["network"]): Network {
  if (input === undefined || typeof input === "string") return { kind: input ?? "host" };
  const networks = networksOf(scope);
  const network = {
    kind: "networks" as const,
    networks,
    ip: ipOf(scope, networks[0]),
    ports: portsOf(scope),
    aliases: namesOf(scope),
    dns: dnsOf(scope),
    hosts: hostsOf(scope, input.hosts ?? {}),
  };
  if (network.ports.length > 0 && networks.length > 0 && networks.every(({ internal }) => internal))
    report(scope, ["network", "ports"], {
      code: "ports-internal",
      message: "ports cannot be published from internal networks only: they have no way in",
      hint: "add a network that is not internal, such as default",
    });
  return network;
}

function networksOf(scope: Scope): readonly NetworkDefinition[] {
  const path: Path = ["network", "networks"];
  const written = nodeAt(scope.tree, path) ? textsAt(scope, path) : ["default"];
  if (written.length === 0)
    report(scope, path, {
      code: "wrong-value",
      message: "`network.networks` cannot be empty",
      expected: "a list such as [default]",
      hint: "for no network write `network: none`",
    });
  return written.flatMap((name, index) => {
    const known = scope.networks.get(name);
    const names = [...scope.networks.keys()];
    if (!known) {
      report(scope, [...path, index], {
        code: "unknown-network",
        message: `there is no network \`${name}\` in this project`,
        expected: `one of ${names.join(", ")}`,
        hint:
          didYouMean(name, names) ??
          `add it in pavlos.config.ts: networks: { ${name}: {} }, or in pavlos.yaml`,
      });
      return [];
    }
    if (written.indexOf(name) === index) return [known];
    report(scope, [...path, index], {
      code: "wrong-value",
      message: `the network \`${name}\` is named twice`,
      hint: "remove one of them",
    });
    return [];
  });
}

function ipOf(scope: Scope, first: NetworkDefinition | undefined): string | null {
  const path: Path = ["network", "ip"];
  const [text] = textsAt(scope, path);
  if (text === undefined) return null;
  const address = parseAddress(text);
  if (address === null) {
    report(scope, path, {
      code: "wrong-address",
      message: `"${text}" is not an address`,
      expected: "an address such as 10.1.2.3",
    });
    return null;
  }
  const written = (address.family === 4 ? first?.subnet : first?.subnet6) ?? null;
  const subnet = written === null ? null : parseSubnet(written);
  if (subnet !== null && !isForHosts(address, subnet))
    report(scope, path, {
      code: "address-outside",
      message: `the address ${text} is not one for environments in ${written}, the subnet of \`${first?.name}\``,
      hint: "choose one inside, not the first and not the last",
    });
  if (subnet !== null && address.value === subnet.base + 1n)
    report(scope, path, {
      code: "address-taken",
      message: `the address ${text} is the router's of \`${first?.name}\``,
      hint: "choose another one",
    });
  return formatAddress(address);
}

function portsOf(scope: Scope): readonly Port[] {
  const path: Path = ["network", "ports"];
  const ports: Port[] = [];
  for (const [index, text] of textsAt(scope, path).entries()) {
    const port = parsePort(text);
    if (!port.ok) {
      report(scope, [...path, index], port.failure);
      continue;
    }
    if (ports.some((other) => collide(other, port.value)))
      report(scope, [...path, index], {
        code: "port-twice",
        message: `the host's port of "${text}" is published twice`,
        hint: "give one of them another port, or `auto`",
      });
    ports.push(port.value);
  }
  return ports;
}

const hostname = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/;

function namesOf(scope: Scope): readonly string[] {
  const path: Path = ["network", "aliases"];
  return textsAt(scope, path).map((name, index) => {
    if (!hostname.test(name)) report(scope, [...path, index], wrongName(name));
    return name;
  });
}

function dnsOf(scope: Scope): readonly string[] {
  const path: Path = ["network", "dns"];
  return textsAt(scope, path).map((text, index) => {
    const address = parseAddress(text);
    if (address === null)
      report(scope, [...path, index], {
        code: "wrong-address",
        message: `"${text}" is not the address of a name server`,
        expected: "an address such as 9.9.9.9",
      });
    return address === null ? text : formatAddress(address);
  });
}

function hostsOf(scope: Scope, input: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, text] of Object.entries(input)) {
    const path: Path = ["network", "hosts", name];
    if (!hostname.test(name)) report(scope, path, wrongName(name));
    if (parseAddress(text) === null)
      report(scope, path, {
        code: "wrong-address",
        message: `"${text}" is not an address`,
        expected: "an address such as 10.1.2.3",
      });
  }
  return { ...input };
}

const wrongName = (name: string) => ({
  code: "wrong-name",
  message: `"${name}" cannot be a name of a machine`,
  expected: "letters, digits, - and .",
});
