import type { MapNode } from "../tree.ts";
import type { ImportResult } from "./compose.ts";
import { mounts } from "./compose-mounts.ts";
import { ports } from "./compose-network.ts";
import { security } from "./compose-process.ts";
import { runArguments } from "./devcontainer-arguments.ts";
import { lifecycle } from "./devcontainer-lifecycle.ts";
import {
  type At,
  children,
  type Draft,
  eachKey,
  type Handler,
  items,
  keyed,
  lose,
  newDraft,
  push,
  put,
  textOf,
} from "./findings.ts";
import { type Fit, fitToFormat } from "./fit.ts";
import { slug } from "./words.ts";

export interface DevcontainerContext {
  /** Name of the directory that holds the project. */
  readonly directory: string;
  /** A path of the caller's, as a file in environments/ writes it. */
  readonly path: (text: string) => string;
}

/** A devcontainer.json as one environment. Pure. */
export function importDevcontainer(
  tree: MapNode,
  context: DevcontainerContext,
  shape: Fit = fitToFormat,
): ImportResult {
  const draft = newDraft();
  const top: At = { path: "", span: tree.span, node: tree };
  const fields = new Map(children(top));
  const given = fields.get("name");
  const name = slug((given === undefined ? null : textOf(given)) ?? context.directory);
  workspace(draft, fields, context);
  const handlers = { ...keysOf(draft, context), ...lifecycle(draft), ...lostKeys(draft) };
  eachKey(draft, top, handlers, () => "unknown to this import");
  const { environment, findings } = shape(draft);
  const sorted = [...findings].sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
  return { environments: [{ name, environment }], findings: sorted };
}

/** The variables of devcontainer.json; what is only known inside is left for a shell there. */
export function filled(text: string, { directory }: Pick<DevcontainerContext, "directory">): string {
  return text
    .replaceAll(
      /\$\{localEnv:(\w+)(?::([^}]*))?\}/g,
      (_all, name, otherwise = "") => `\${${name}:-${otherwise}}`,
    )
    .replaceAll(/\$\{localWorkspaceFolderBasename\}/g, directory)
    .replaceAll(/\$\{containerWorkspaceFolderBasename\}/g, directory)
    .replaceAll(/\$\{containerWorkspaceFolder\}/g, `/workspaces/${directory}`)
    .replaceAll(/\$\{localWorkspaceFolder\}/g, ".")
    .replaceAll(/\$\{containerEnv:(\w+)[^}]*\}/g, "$$$${$1}");
}

/** Where the project is seen inside: a key, or the default of devcontainers. */
function workspace(draft: Draft, fields: ReadonlyMap<string, At>, context: DevcontainerContext): undefined {
  const [mount, folder] = [fields.get("workspaceMount"), fields.get("workspaceFolder")];
  const inside = (folder === undefined ? null : textOf(folder)) ?? `/workspaces/${context.directory}`;
  const place = filled(inside, context);
  if (folder !== undefined) put(draft, folder, "workdir", place);
  else draft.values.set("workdir", place);
  if (mount !== undefined) return mountText(draft, mount, context);
  draft.lengths.set("mounts", 1);
  draft.values.set("mounts[0]", `${context.path(".")}:${place}`);
}

function keysOf(draft: Draft, context: DevcontainerContext): Record<string, Handler> {
  const understood = () => undefined;
  const flag = (to: string) => (at: At) => put(draft, at, to, textOf(at) === "true");
  const capabilities = (at: At) => {
    for (const item of items(at))
      push(draft, item, "security.capabilities.add", (textOf(item) ?? "").replace(/^CAP_/, ""));
  };
  const environment = (note: string | null) => (at: At) => {
    for (const [key, child] of children(at))
      put(draft, child, keyed("env", key), filled(textOf(child) ?? "", context), note);
  };
  return {
    name: (at) => put(draft, at, "name", slug(textOf(at) ?? "")),
    image: (at) => put(draft, at, "rootfs.image", filled(textOf(at) ?? "", context)),
    containerEnv: environment(null),
    remoteEnv: environment("for all processes, not only those of the editor"),
    containerUser: (at) => put(draft, at, "user", textOf(at)),
    remoteUser: (at) => put(draft, at, "user", textOf(at), "also of the main process"),
    init: flag("init"),
    privileged: flag("security.privileged"),
    capAdd: capabilities,
    securityOpt: (at) => security(draft, at, { path: context.path, service: "" }),
    workspaceFolder: understood,
    workspaceMount: understood,
    mounts: (at) => {
      for (const item of items(at)) {
        if (item.node.kind === "map") mounts(draft, item, { path: context.path, service: "" });
        else mountText(draft, item, context);
      }
    },
    forwardPorts: (at) => forwarded(draft, at),
    appPort: (at) => ports(draft, at),
    runArgs: (at) => runArguments(draft, at, context),
    hostRequirements: (at) => requirements(draft, at),
    overrideCommand: (at) =>
      textOf(at) === "false"
        ? lose(draft, at, "without `command` the image's own runs, where this Pavlos has images")
        : lose(draft, at, "that is the default: an idle environment to enter"),
  };
}

/** Ports of the container, on this machine's loopback. */
function forwarded(draft: Draft, at: At): undefined {
  for (const item of items(at)) {
    const text = textOf(item) ?? "";
    if (/^\d+$/.test(text)) push(draft, item, "network.ports", `127.0.0.1:${text}:${text}`);
    else lose(draft, item, "a port of another container: publish it there");
  }
}

/** source=...,target=...,type=bind,readonly */
function mountText(draft: Draft, at: At, context: DevcontainerContext): undefined {
  const fields = new Map(
    filled(textOf(at) ?? "", context)
      .split(",")
      .map((piece) => {
        const cut = piece.indexOf("=");
        return cut < 0 ? [piece, "true"] : [piece.slice(0, cut), piece.slice(cut + 1)];
      }),
  );
  const source = fields.get("source") ?? fields.get("src");
  const target = fields.get("target") ?? fields.get("dst") ?? fields.get("destination");
  const type = fields.get("type") ?? "volume";
  if (target === undefined) return lose(draft, at, "it has no target");
  const rest = [...fields.keys()].filter((key) => !known.has(key));
  const note = rest.length > 0 ? `without ${rest.join(", ")}` : null;
  const readonly = fields.has("readonly") || fields.has("ro") ? { readonly: true } : {};
  const from = source === undefined ? {} : { source: type === "bind" ? context.path(source) : slug(source) };
  push(draft, at, "mounts", { type, ...from, target, ...readonly }, note);
}

const known: ReadonlySet<string> = new Set([
  "source",
  "src",
  "target",
  "dst",
  "destination",
  "type",
  "readonly",
  "ro",
]);

function requirements(draft: Draft, at: At): undefined {
  eachKey(
    draft,
    at,
    {
      gpu: (value) => {
        const text = textOf(value);
        if (text === "false") return lose(draft, value, "none is the default");
        if (text === "optional") return put(draft, value, "gpus", { count: 1, optional: true });
        put(draft, value, "gpus", "all");
      },
    },
    () => "what a machine needs is not part of an environment; `resources` are limits",
  );
}

const lost: Readonly<Record<string, string>> = {
  $schema: "is for editors",
  build: "no Dockerfile is built: name an image, or write `rootfs: {from, steps}`",
  context: "no Dockerfile is built: name an image, or write `rootfs: {from, steps}`",
  customizations: "is for editors",
  dockerComposeFile: "import that file: `pavlos import compose.yaml`",
  dockerFile: "no Dockerfile is built: name an image, or write `rootfs: {from, steps}`",
  extensions: "is for editors",
  features: "features are not installed: write `rootfs: {from, steps}` or `hooks.created`",
  gpu: "belongs to hostRequirements",
  otherPortsAttributes: "ports have no attributes",
  overrideFeatureInstallOrder: "features are not installed",
  portsAttributes: "ports have no attributes",
  runServices: "import the compose file",
  secrets: "write `secrets: {NAME: {env: NAME}}`",
  service: "import the compose file",
  settings: "is for editors",
  shutdownAction: "an environment runs until `pavlos stop`",
  updateRemoteUserUID: "`user: me` is you, with your ids, on both sides",
  userEnvProbe: "`pavlos shell` opens a login shell",
  waitFor: "hooks run one after another",
};

const lostKeys = (draft: Draft): Readonly<Record<string, Handler>> =>
  Object.fromEntries(
    Object.entries(lost).map(([key, why]) => [
      key,
      (at: At) => {
        if (at.node.kind !== "map" || key === "build") return lose(draft, at, why);
        // Each of them by its name: somebody will look for it.
        for (const [, child] of children(at)) lose(draft, child, why);
      },
    ]),
  );
