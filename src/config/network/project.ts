import { formatSubnet, overlap, parseSubnet, type Subnet } from "../../host/addresses.ts";
import type { NetworkDefinition } from "../../model/environment.ts";
import type { Problem } from "../../model/source.ts";
import { problemAt, shown } from "../problem.ts";
import { projectNetwork } from "../schema/network.ts";
import { type Entry, nodeAt, type Tree, toPlain } from "../tree.ts";

const namePattern = /^[a-z0-9][a-z0-9-]{0,30}$/;

const plain = (name: string): NetworkDefinition => ({
  name,
  subnet: null,
  subnet6: null,
  ipv6: true,
  internal: false,
  mtu: null,
});

/** The networks of the project by name; `default` is always one of them. */
export function resolveNetworks(
  trees: readonly Tree[],
  problems: Problem[],
): ReadonlyMap<string, NetworkDefinition> {
  const known = new Map<string, NetworkDefinition>([["default", plain("default")]]);
  const places: Taken[] = [];
  for (const tree of trees) {
    if (tree.kind !== "map") {
      problems.push(
        problemAt(tree.span, {
          code: "wrong-type",
          message: `\`networks\` cannot be ${tree.kind === "list" ? "a list" : shown(toPlain(tree))}`,
          expected: "a map of networks by name, such as {backend: {internal: true}}",
        }),
      );
      continue;
    }
    for (const [name, entry] of tree.entries) {
      const definition = resolveOne(name, entry, problems);
      if (definition === null) continue;
      known.set(name, definition);
      overlaps(definition, { entry, places, problems });
    }
  }
  return known;
}

interface Taken {
  readonly name: string;
  readonly subnet: Subnet;
}

function resolveOne(name: string, { key, value }: Entry, problems: Problem[]): NetworkDefinition | null {
  if (!namePattern.test(name)) {
    problems.push(
      problemAt(key, {
        code: "wrong-key",
        message: `\`${name}\` cannot be the name of a network`,
        expected: "lower-case letters, digits and -, at most 31, the first no -",
      }),
    );
    return null;
  }
  const written = toPlain(value) ?? {};
  const parsed = projectNetwork().safeParse(written);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(wrong(name, value, issue));
    return null;
  }
  const { subnet, internal = false, ipv6 = true, mtu = null } = parsed.data;
  const texts = subnet === undefined ? [] : typeof subnet === "string" ? [subnet] : subnet;
  const subnets = texts.flatMap((text) => subnetOf(text, value, problems) ?? []);
  const [four, six] = ([4, 6] as const).map((family) => subnets.find((one) => one.family === family));
  return {
    name,
    subnet: four ? formatSubnet(four) : null,
    subnet6: six ? formatSubnet(six) : null,
    ipv6: ipv6 || six !== undefined,
    internal,
    mtu,
  };
}

function subnetOf(text: string, value: Tree, problems: Problem[]): Subnet | null {
  const subnet = parseSubnet(text);
  const roomy = subnet !== null && subnet.prefix <= (subnet.family === 4 ? 29 : 120);
  if (roomy) return subnet;
  const cut = parseSubnet(text, "cut");
  problems.push(
    problemAt((nodeAt(value, ["subnet"]) ?? value).span, {
      code: "wrong-subnet",
      message: `"${text}" is not a subnet${subnet ? " with room for environments" : ""}`,
      expected: "a subnet such as 10.1.2.0/24 or fd00:1::/64",
      hint: cut && !subnet ? `did you mean \`${formatSubnet(cut)}\`?` : undefined,
    }),
  );
  return null;
}

function overlaps(
  definition: NetworkDefinition,
  to: { readonly entry: Entry; readonly places: Taken[]; readonly problems: Problem[] },
): void {
  for (const text of [definition.subnet, definition.subnet6]) {
    const subnet = text === null ? null : parseSubnet(text);
    if (subnet === null) continue;
    const other = to.places.find((taken) => overlap(taken.subnet, subnet));
    if (other)
      to.problems.push(
        problemAt((nodeAt(to.entry.value, ["subnet"]) ?? to.entry.value).span, {
          code: "subnet-overlaps",
          message: `the subnet ${text} of \`${definition.name}\` overlaps that of \`${other.name}\``,
          hint: "give one of them another subnet, or leave it out: one is chosen then",
        }),
      );
    to.places.push({ name: definition.name, subnet });
  }
}

function wrong(
  name: string,
  value: Tree,
  issue: { readonly code: string; readonly message: string; readonly path: readonly PropertyKey[] },
): Problem {
  const keys = "keys" in issue && Array.isArray(issue.keys) ? issue.keys.map(String) : [];
  const [key] = keys;
  if (key !== undefined) {
    const at = value.kind === "map" ? value.entries.get(key)?.key : undefined;
    return problemAt(at ?? value.span, {
      code: "unknown-key",
      message: `there is no field \`${key}\` in the network \`${name}\``,
      expected: "subnet, internal, ipv6 or mtu",
    });
  }
  const node = nodeAt(value, issue.path) ?? value;
  return problemAt(node.span, {
    code: "wrong-type",
    message: `\`${["networks", name, ...issue.path.map(String)].join(".")}\` cannot be ${shown(toPlain(node))}`,
    expected: issue.message,
  });
}
