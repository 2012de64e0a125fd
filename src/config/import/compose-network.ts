import { type At, children, type Draft, items, keyed, lose, pairs, push, put, textOf } from "./findings.ts";
import { slug, variables } from "./words.ts";

/** `ports`: short texts, ranges of them, and maps. */
export function ports(draft: Draft, at: At): undefined {
  for (const item of items(at)) {
    const found = item.node.kind === "map" ? longPort(draft, item) : shortPorts(draft, item);
    for (const port of found ?? []) push(draft, item, "network.ports", port);
  }
}

/** `networks` of a service: names, or names with aliases and addresses. */
export function networks(draft: Draft, at: At): undefined {
  if (at.node.kind !== "map") {
    for (const item of items(at)) push(draft, item, "network.networks", slug(textOf(item) ?? ""));
    return;
  }
  for (const [name, child] of children(at)) {
    push(draft, child, "network.networks", slug(name));
    for (const [key, option] of children(child)) {
      if (key === "aliases")
        for (const alias of items(option)) push(draft, alias, "network.aliases", textOf(alias) ?? "");
      else if (key === "ipv4_address") put(draft, option, "network.ip", textOf(option));
      else lose(draft, option, "has no counterpart");
    }
  }
}

export function networkMode(draft: Draft, at: At): undefined {
  const mode = textOf(at) ?? "";
  if (mode === "host" || mode === "none") return put(draft, at, "network", mode);
  if (mode === "bridge") return push(draft, at, "network.networks", "default");
  lose(
    draft,
    at,
    `the network of ${mode} cannot be shared; environments of one network find each other by name`,
  );
}

/** `name:address` or `name=address`, as list or map. */
export function hosts(draft: Draft, at: At): undefined {
  for (const [key, value, item] of pairs(at)) {
    const cut = value === null ? key.indexOf(":") : -1;
    const [name, address] = cut < 0 ? [key, value] : [key.slice(0, cut), key.slice(cut + 1)];
    if (address === null || address === "host-gateway")
      lose(draft, item, "the host's own address is not known in advance");
    else put(draft, item, keyed("network.hosts", name), address);
  }
}

export function list(draft: Draft, at: At, to: string): undefined {
  for (const item of items(at)) push(draft, item, to, textOf(item) ?? "");
}

/** More of a range than this is surely not meant one by one. */
const longestRange = 64;

function shortPorts(draft: Draft, item: At): readonly string[] | null {
  const text = variables(textOf(item) ?? "");
  const match = /^(?:(\[[^\]]+\]|\d+(?:\.\d+){3}):)?(?:([\d-]*):)?([\d-]+)(?:\/(tcp|udp))?$/.exec(text ?? "");
  if (match === null) {
    // A variable may stand for any of its parts.
    if (text?.includes("${") && /^[^:]*(\$\{[^}]*\}|[^:])*:[^:]+$/.test(text)) return [text];
    lose(draft, item, "not a port that can be understood");
    return null;
  }
  const [, address, published, target = "", protocol] = match;
  const suffix = protocol === "udp" ? "/udp" : "";
  const prefix = address === undefined ? "" : `${address}:`;
  const inside = range(target);
  const outside = published === undefined || published === "" ? inside.map(() => "auto") : range(published);
  if (inside.length !== outside.length || inside.length > longestRange) {
    lose(draft, item, "a range that is longer than 64, or of two lengths");
    return null;
  }
  return inside.map((port, index) => `${prefix}${outside[index]}:${port}${suffix}`);
}

function range(text: string): readonly string[] {
  const [first = 0, last = first] = text.split("-").map(Number);
  return Array.from({ length: Math.min(Math.max(last - first + 1, 1), 1000) }, (_, index) =>
    String(first + index),
  );
}

function longPort(draft: Draft, item: At): readonly string[] | null {
  const fields = new Map(children(item));
  const text = (key: string): string | null => {
    const field = fields.get(key);
    return field === undefined ? null : textOf(field);
  };
  for (const [key, field] of fields) {
    if (!["target", "published", "host_ip", "protocol"].includes(key))
      lose(draft, field, "has no counterpart");
  }
  const [target, published, address] = [text("target"), text("published"), text("host_ip")];
  if (target === null) {
    lose(draft, item, "it has no target");
    return null;
  }
  const prefix = address === null ? "" : `${address}:`;
  return [`${prefix}${published ?? "auto"}:${target}${text("protocol") === "udp" ? "/udp" : ""}`];
}
