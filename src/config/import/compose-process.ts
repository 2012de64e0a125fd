import type { Names } from "./compose-mounts.ts";
import { type At, children, type Draft, eachKey, items, keyed, lose, put, textOf } from "./findings.ts";
import { duration, shellWords, slug, variables } from "./words.ts";

/** `entrypoint` and `command` are one command here; the later of the two keys puts both together. */
export function command(
  draft: Draft,
  { entrypoint, command: arguments_ }: { readonly entrypoint: At | null; readonly command: At | null },
): undefined {
  const words = [entrypoint, arguments_].flatMap((at) => (at === null ? [] : wordsOf(at)));
  const at = arguments_ ?? entrypoint;
  const latest = [entrypoint, arguments_].filter((one) => one !== null).at(-1);
  if (at === null || latest == null) return;
  if (words.includes(null)) return lose(draft, at, "a variable in a form that cannot be said here");
  const told = draft.findings.some(({ to }) => to === "command");
  const note =
    entrypoint === null
      ? "an ENTRYPOINT of the image is not put before it"
      : "entrypoint and command together";
  put(
    draft,
    told && entrypoint !== null && arguments_ !== null ? newer(draft, entrypoint, arguments_) : at,
    "command",
    words,
    note,
  );
}

/** Which of the two has no finding yet. */
const newer = (draft: Draft, entrypoint: At, arguments_: At): At =>
  draft.findings.some(({ path }) => path === entrypoint.path) ? arguments_ : entrypoint;

const wordsOf = (at: At): readonly (string | null)[] =>
  at.node.kind === "list"
    ? items(at).map((item) => variables(textOf(item) ?? ""))
    : shellWords(textOf(at) ?? "").map(variables);

/** `restart: on-failure:3`, or `deploy.restart_policy`. */
export function restart(draft: Draft, at: At): undefined {
  if (at.node.kind === "map") {
    return eachKey(draft, at, {
      condition: (value) =>
        policy(draft, value, (textOf(value) ?? "any").replace("any", "always").replace("none", "no")),
      max_attempts: (value) => put(draft, value, "restart.max", Number(textOf(value))),
      delay: (value) => {
        const time = duration(textOf(value) ?? "");
        if (time === null) lose(draft, value, "not a duration that can be understood");
        else put(draft, value, "restart.backoff", time, "it grows with each failure");
      },
    });
  }
  const [name = "no", most] = (textOf(at) ?? "no").split(":");
  policy(draft, at, name === "false" ? "no" : name);
  if (most !== undefined) draft.values.set("restart.max", Number(most));
}

function policy(draft: Draft, at: At, name: string): undefined {
  const policies: Readonly<Record<string, string>> = {
    no: "never",
    always: "always",
    "on-failure": "on-failure",
    "unless-stopped": "always",
  };
  const found = policies[name];
  if (found === undefined) return lose(draft, at, "not a policy that can be understood");
  const note =
    name === "unless-stopped" ? "what `pavlos stop` stopped rests until the next start or apply" : null;
  put(draft, at, "restart.policy", found, note);
}

export function health(draft: Draft, at: At): undefined {
  const timed = (to: string) => (value: At) => {
    const time = duration(textOf(value) ?? "");
    if (time === null) lose(draft, value, "not a duration that can be understood");
    else put(draft, value, to, time);
  };
  eachKey(draft, at, {
    test: (test) => healthCommand(draft, test),
    interval: timed("health.interval"),
    timeout: timed("health.timeout"),
    start_period: timed("health.startPeriod"),
    start_interval: (value) => lose(draft, value, "it is looked at every 100 ms until the first success"),
    retries: (value) => put(draft, value, "health.retries", Number(textOf(value))),
    disable: (value) => lose(draft, value, "without `health` nothing is checked"),
  });
}

function healthCommand(draft: Draft, at: At): undefined {
  if (at.node.kind !== "list") return put(draft, at, "health.command", variables(textOf(at) ?? ""));
  const [kind = "", ...words] = items(at).map((item) => textOf(item) ?? "");
  if (kind === "NONE") return lose(draft, at, "without `health` nothing is checked");
  const filled = words.map((word) => variables(word) ?? word);
  if (kind === "CMD-SHELL") return put(draft, at, "health.command", filled.join(" "));
  put(draft, at, "health.command", kind === "CMD" ? filled : [kind, ...filled]);
}

/** A list of names, or names with conditions. */
export function dependencies(draft: Draft, at: At): undefined {
  const conditions: Readonly<Record<string, string>> = {
    service_started: "started",
    service_healthy: "healthy",
    service_completed_successfully: "completed",
  };
  if (at.node.kind !== "map") {
    for (const item of items(at)) put(draft, item, keyed("dependsOn", slug(textOf(item) ?? "")), "started");
    return;
  }
  for (const [name, child] of children(at)) {
    const fields = new Map(children(child));
    const condition = fields.get("condition");
    const found = conditions[condition === undefined ? "service_started" : (textOf(condition) ?? "")];
    put(draft, child, keyed("dependsOn", slug(name)), found ?? "started");
    for (const [key, field] of fields) if (key !== "condition") lose(draft, field, "has no counterpart");
  }
}

export function security(draft: Draft, at: At, { path }: Names): undefined {
  for (const item of items(at)) {
    const [, key = "", value = "true"] = /^([\w-]+)(?:[:=](.*))?$/.exec(textOf(item) ?? "") ?? [];
    if (key === "no-new-privileges") put(draft, item, "security.noNewPrivileges", value === "true");
    else if (key === "seccomp")
      put(draft, item, "security.seccomp", value === "unconfined" ? value : path(value));
    else lose(draft, item, `${key === "" ? "this" : key} has no counterpart`);
  }
}
