import type { MapNode } from "../tree.ts";
import { environmentName, translateService } from "./compose-service.ts";
import { type At, children, type Draft, eachKey, type Finding, lose, newDraft, push } from "./findings.ts";
import { type Fit, fitToFormat } from "./fit.ts";

/** One environment that an imported file becomes. */
export interface Imported {
  readonly name: string;
  readonly environment: Readonly<Record<string, unknown>>;
}

export interface ImportResult {
  readonly environments: readonly Imported[];
  /** In the order of the file. */
  readonly findings: readonly Finding[];
}

/** The services of a compose file as environments. Pure. `path`: of a path in the file, as environments/ writes it. */
export function importCompose(
  tree: MapNode,
  path: (text: string) => string,
  shape: Fit = fitToFormat,
): ImportResult {
  const top: At = { path: "", span: tree.span, node: tree };
  const fields = new Map(children(top));
  const rest = newDraft();
  const services = fields.get("services");
  const found = (services === undefined ? [] : children(services)).map(([key, at]) => {
    const draft = newDraft();
    const names = { path, service: environmentName(key) };
    translateService(draft, at, { names, secrets: fields.get("secrets"), configs: fields.get("configs") });
    withDefaults(draft, at);
    const { environment, findings } = shape(draft);
    return { name: names.service, environment, findings };
  });
  topLevel(rest, top);
  const findings = [...found.flatMap((one) => one.findings), ...rest.findings];
  return {
    environments: found.map(({ name, environment }) => ({ name, environment })),
    findings: findings.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column),
  };
}

/** What compose does without being asked: services are in the project's default network. */
function withDefaults(draft: Draft, at: At): undefined {
  if (!draft.values.has("network") && !draft.lengths.has("network.networks"))
    push(draft, at, "network.networks", "default");
}

function topLevel(draft: Draft, top: At): undefined {
  const understood = () => undefined;
  const named = (at: At): undefined => {
    for (const [, child] of children(at)) {
      for (const [, option] of children(child)) lose(draft, option, "made by Pavlos without options");
    }
  };
  eachKey(
    draft,
    top,
    {
      services: understood,
      version: (at) => lose(draft, at, "has had no meaning for years"),
      name: (at) => lose(draft, at, "the project is called as its directory, or by pavlos.config.ts"),
      volumes: named,
      networks: named,
      secrets: understood,
      configs: understood,
      include: (at) => lose(draft, at, "import that file too"),
    },
    () => "unknown to this import",
  );
}
