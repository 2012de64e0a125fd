import type { Named } from "../../../model/environment.ts";
import { failure, success } from "../../../model/result.ts";
import { namedRootPath, refsPath } from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import type { StackSource } from "../source.ts";
import { parseBase, printBase, readBase } from "../store/base.ts";
import type { Stack } from "../store/stack.ts";

/** A root that the user keeps: `store/refs/<name>.json` names its layers, and gc leaves those. */
export interface NamedRoot {
  readonly name: string;
  /** What it was made from, in the user's words. */
  readonly source: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Names of directories in layers/, topmost first. */
  readonly layers: readonly string[];
}

export const makeNamed = (tools: Tools): StackSource<Named> => ({
  resolve: ({ rootfs }) => readStack(tools, rootfs.named),
  ensure({ rootfs: { named }, environment, context }) {
    const stack = readStack(tools, named);
    if (stack !== null) return Promise.resolve(success(stack));
    const names = listNamed(tools).map(({ name }) => name);
    const field = environment.rootfs.kind === "build" ? "rootfs.from.named" : "rootfs.named";
    return Promise.resolve(
      failure({
        code: names.includes(named) ? "named-root-damaged" : "unknown-root",
        message: names.includes(named)
          ? `the root \`${named}\` is not whole: a layer of it is gone`
          : `there is no root called \`${named}\``,
        place: context.place(environment.name, field),
        ...(names.length > 0 ? { expected: names.join(", ") } : {}),
        hint: `make it: pavlos rootfs create ${named} SOURCE`,
      }),
    );
  },
});

/** All of them, by name. */
export function listNamed(tools: Tools): readonly NamedRoot[] {
  const files = tools.files.list(refsPath(tools.paths)) ?? [];
  return files.flatMap((file) => {
    const name = /^([a-z0-9][a-z0-9._-]*)\.json$/.exec(file)?.[1];
    const text = name === undefined ? null : tools.files.readText(rootPath(tools, name));
    const base = readBase(text);
    if (name === undefined || text === null || base === null) return [];
    const { source, createdAt } = JSON.parse(text) as Partial<NamedRoot>;
    return [{ name, source: source ?? "", createdAt: createdAt ?? "", layers: base.layers }];
  });
}

/** Null: there is none, or a layer of it is gone. */
export const readStack = (tools: Tools, name: string): Stack | null =>
  parseBase(tools, tools.files.readText(rootPath(tools, name)));

export const writeNamed = (tools: Tools, name: string, { stack, source }: { stack: Stack; source: string }) =>
  attempt(`the root ${name} cannot be noted`, async () => {
    tools.files.makeDirectory(refsPath(tools.paths), 0o700);
    const base = JSON.parse(printBase(stack)) as object;
    const text = JSON.stringify({ version: 1, ...base, source, createdAt: new Date().toISOString() });
    await tools.files.replaceDurably(rootPath(tools, name), `${text}\n`);
  });

export const removeNamed = (tools: Tools, name: string) =>
  attempt(`the root ${name} cannot be removed`, () => tools.files.remove(rootPath(tools, name)));

const rootPath = ({ paths }: Pick<Tools, "paths">, name: string): string => namedRootPath(paths, name);
