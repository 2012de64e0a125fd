import { type At, children, type Draft, eachKey, items, lose, push, textOf } from "./findings.ts";
import { size, slug, variables } from "./words.ts";

/** How paths and names of the imported file become those of environments/. */
export interface Names {
  /** A path relative to the imported file, as a file in environments/ writes it. */
  readonly path: (text: string) => string;
  /** The service's. */
  readonly service: string;
}

/** `volumes` of a service: short texts and maps. */
export function mounts(draft: Draft, at: At, names: Names): undefined {
  for (const item of items(at)) {
    if (item.node.kind === "map") longMount(draft, item, names);
    else shortMount(draft, item, names);
  }
}

/** `tmpfs`: a path, or paths with options. */
export function tmpfs(draft: Draft, at: At): undefined {
  for (const item of items(at)) {
    const [target = "", options = ""] = (textOf(item) ?? "").split(":");
    const bytes = /(?:^|,)size=([^,]+)/.exec(options)?.[1];
    const limit = bytes === undefined ? null : size(bytes);
    const rest = options.split(",").filter((option) => option !== "" && !option.startsWith("size="));
    const note = rest.length > 0 ? `without its options ${rest.join(", ")}` : null;
    push(draft, item, "mounts", { type: "tmpfs", target, ...(limit === null ? {} : { size: limit }) }, note);
  }
}

/** `secrets` and `configs` of a service: files at a place inside. `defined`: of the whole file, by name. */
export function fileMounts(
  draft: Draft,
  at: At,
  {
    names,
    defined,
    directory,
  }: { readonly names: Names; readonly defined: At | undefined; readonly directory: string },
): undefined {
  const sources = new Map(defined === undefined ? [] : children(defined));
  for (const item of items(at)) {
    const fields = new Map(children(item));
    const name = textOf(item) ?? textOf(fields.get("source") ?? item) ?? "";
    const source = new Map(children(sources.get(name) ?? item)).get("file");
    const file = source === undefined ? null : textOf(source);
    if (file === null) {
      lose(draft, item, `\`${name}\` is not a file: give it as a secret or a mount by hand`);
      continue;
    }
    const wanted = fields.get("target");
    const target = (wanted === undefined ? null : textOf(wanted)) ?? `${directory}${name}`;
    const place = target.startsWith("/") ? target : `${directory}${target}`;
    push(draft, item, "mounts", `${names.path(file)}:${place}:ro`, "a file that is mounted read-only");
  }
}

function shortMount(draft: Draft, item: At, { path, service }: Names): undefined {
  const text = textOf(item);
  const filled = text === null ? null : variables(text);
  if (filled === null) return lose(draft, item, "not a mount that can be understood");
  const [first = "", second, modes = ""] = splitMount(filled);
  if (second === undefined) {
    const name = slug(`${service}${first}`);
    return push(
      draft,
      item,
      "mounts",
      `${name}:${first}`,
      `an anonymous volume: it is called \`${name}\` now`,
    );
  }
  const options = modes.split(",").filter((mode) => mode !== "" && mode !== "rw" && mode !== "ro");
  const readonly = modes.split(",").includes("ro") ? ":ro" : "";
  const isPath = /^[.~/$]/.test(first);
  const source = isPath ? path(first) : slug(first);
  const renamed = !isPath && source !== first ? `the volume is called \`${source}\`` : null;
  const without = options.length > 0 ? `without ${options.join(", ")}` : null;
  push(
    draft,
    item,
    "mounts",
    `${source}:${second}${readonly}`,
    [renamed, without].filter(Boolean).join("; ") || null,
  );
}

/** At colons, but not at those of `${NAME:-default}`. */
const splitMount = (text: string): readonly string[] => text.match(/(?:\$\{[^}]*\}|[^:])+/g) ?? [];

function longMount(draft: Draft, item: At, { path }: Names): undefined {
  const fields = new Map(children(item));
  const text = (key: string): string | null => {
    const field = fields.get(key);
    return field === undefined ? null : textOf(field);
  };
  const [type, target] = [text("type") ?? "volume", text("target")];
  if (target === null || !["bind", "volume", "tmpfs"].includes(type))
    return lose(draft, item, `mounts of the kind ${type} do not exist here, or it has no target`);
  const source = text("source");
  const limit = new Map(children(fields.get("tmpfs") ?? item)).get("size");
  const bytes = type === "tmpfs" && limit !== undefined ? size(textOf(limit) ?? "") : null;
  const create = new Map(children(fields.get("bind") ?? item)).get("create_host_path");
  const value = {
    type,
    ...(source === null
      ? {}
      : { source: type === "bind" ? path(variables(source) ?? source) : slug(source) }),
    target,
    ...(text("read_only") === "true" ? { readonly: true } : {}),
    ...(bytes === null ? {} : { size: bytes }),
    ...(create !== undefined && textOf(create) === "true" ? { create: true } : {}),
  };
  push(draft, item, "mounts", value);
  const understood = () => undefined;
  const known = { type: understood, source: understood, target: understood, read_only: understood };
  const inner = (allowed: readonly string[]) => (at: At) =>
    eachKey(
      draft,
      at,
      Object.fromEntries(allowed.map((key) => [key, understood])),
      () => "has no counterpart",
    );
  const deep = { bind: inner(["create_host_path"]), tmpfs: inner(["size"]), volume: inner([]) };
  eachKey(draft, item, { ...known, ...deep }, () => "has no counterpart");
}
