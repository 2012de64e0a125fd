import type { ScalarNode } from "../tree.ts";
import { bytes, devices, gpuDevices, number, shares } from "./compose-limits.ts";
import { mounts, tmpfs } from "./compose-mounts.ts";
import { hosts, list, networkMode, ports } from "./compose-network.ts";
import { security } from "./compose-process.ts";
import type { DevcontainerContext } from "./devcontainer.ts";
import { type At, type Draft, items, keyed, lose, push, put, textOf } from "./findings.ts";

/** `runArgs`: options of `docker run`, each a word or `--name=value`. */
export function runArguments(draft: Draft, at: At, context: DevcontainerContext): undefined {
  const words = items(at);
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index];
    if (word === undefined) break;
    const [, option = "", value] = /^(--?[\w-]+)(?:=(.*))?$/s.exec(textOf(word) ?? "") ?? [];
    if (switches.has(option)) {
      flag(draft, word, option);
      continue;
    }
    const handler = Object.hasOwn(options, option) ? options[option] : undefined;
    const next = value === undefined ? words[index + 1] : valueAt(word, value);
    if (value === undefined && takesNext(next)) index += 1;
    if (handler === undefined || next === undefined)
      lose(draft, word, `${option || "this"} has no counterpart`);
    else handler(draft, { ...next, path: word.path, span: word.span }, context);
  }
}

const switches: ReadonlySet<string> = new Set(["--init", "--privileged", "--read-only", "--rm", "-it", "-d"]);

function flag(draft: Draft, at: At, option: string): undefined {
  if (option === "--init") return put(draft, at, "init", true);
  if (option === "--privileged") return put(draft, at, "security.privileged", true);
  if (option === "--read-only") return put(draft, at, "readonly", true);
  lose(draft, at, `${option} has no meaning here`);
}

const takesNext = (next: At | undefined): boolean =>
  next !== undefined && !(textOf(next) ?? "").startsWith("-");

type Option = (draft: Draft, at: At, context: DevcontainerContext) => undefined;

const text =
  (to: string): Option =>
  (draft, at) =>
    put(draft, at, to, textOf(at));

const shareHost =
  (to: string): Option =>
  (draft, at) =>
    textOf(at) === "host" ? put(draft, at, to, false) : lose(draft, at, "only `host` has a counterpart");

const variable: Option = (draft, at) => {
  const pair = textOf(at) ?? "";
  const cut = pair.indexOf("=");
  const name = cut < 0 ? pair : pair.slice(0, cut);
  put(draft, at, keyed("env", name), cut < 0 ? `\${${name}:-}` : pair.slice(cut + 1));
};

const volume: Option = (draft, at, { path }) => mounts(draft, at, { path, service: "" });

const capability =
  (what: "add" | "drop"): Option =>
  (draft, at) =>
    push(draft, at, `security.capabilities.${what}`, (textOf(at) ?? "").replace(/^CAP_/, ""));

const ulimit: Option = (draft, at) => {
  const [name = "", limits = ""] = (textOf(at) ?? "").split("=");
  const [soft = "", hard = soft] = limits.split(":");
  put(draft, at, keyed("resources.ulimits", name), { soft: Number(soft), hard: Number(hard) });
};

const options: Readonly<Record<string, Option>> = {
  "--add-host": (draft, at) => hosts(draft, at),
  "--cap-add": capability("add"),
  "--cap-drop": capability("drop"),
  "--cpu-shares": (draft, at) => shares(draft, at),
  "--cpus": (draft, at) => number(draft, at, "resources.cpus"),
  "--cpuset-cpus": text("resources.cpuset"),
  "--device": (draft, at) => devices(draft, at),
  "--dns": (draft, at) => list(draft, at, "network.dns"),
  "--env": variable,
  "-e": variable,
  "--gpus": (draft, at) => gpuDevices(draft, at),
  "--hostname": text("hostname"),
  "-h": text("hostname"),
  "--ipc": shareHost("isolation.ipc"),
  "--memory": (draft, at) => bytes(draft, at, "resources.memory"),
  "-m": (draft, at) => bytes(draft, at, "resources.memory"),
  "--network": (draft, at) => networkMode(draft, at),
  "--net": (draft, at) => networkMode(draft, at),
  "--pid": shareHost("isolation.pid"),
  "--pids-limit": (draft, at) => number(draft, at, "resources.pids"),
  "--publish": (draft, at) => ports(draft, at),
  "-p": (draft, at) => ports(draft, at),
  "--security-opt": (draft, at, { path }) => security(draft, at, { path, service: "" }),
  "--shm-size": (draft, at) => bytes(draft, at, "resources.shm"),
  "--tmpfs": (draft, at) => tmpfs(draft, at),
  "--ulimit": ulimit,
  "--user": text("user"),
  "-u": text("user"),
  "--userns": shareHost("isolation.user"),
  "--uts": shareHost("isolation.uts"),
  "--volume": volume,
  "-v": volume,
};

/** What stands behind `=`, as a value of its own. */
function valueAt(at: At, value: string): At {
  const node: ScalarNode = { kind: "scalar", value, text: value, plain: false, span: at.span };
  return { ...at, node };
}
