import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import type { Context } from "../../providers/provider.ts";
import type { Registry } from "../../providers/registry.ts";
import { storeDirectory } from "../../providers/rootfs/named/directory.ts";
import { listNamed, writeNamed } from "../../providers/rootfs/named/named.ts";
import type { Stack } from "../../providers/rootfs/store/stack.ts";
import { buildReport } from "../../ui/build.ts";
import { type Invocation, listOption, textOption, type Verb } from "../invocation.ts";
import { virtual } from "../run/choose.ts";
import { makeStateDirectories, openRegistry } from "../session.ts";

/** `pavlos rootfs create NAME SOURCE`: fetches, installs or copies a root and keeps it. */
export const create: Verb = async (invocation) => {
  const [name, source = null] = invocation.args;
  if (name === undefined || !/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) return failure([wrongName(name)]);
  const asked = askedFor(invocation, source);
  if (!asked.ok) return failure([asked.failure]);
  const chosen = await virtual("rootfs", JSON.stringify({ rootfs: asked.value }));
  if (!chosen.ok) return failure(chosen.failure.map((problem) => ({ ...problem, place: null })));
  const { environment, place, desired } = chosen.value;
  const registry = await openRegistry(place);
  if (!registry.ok) return registry;
  makeStateDirectories(place);
  if (listNamed(registry.value.roots.tools).some((root) => root.name === name))
    return failure([isThere(name)]);
  const report = buildReport(invocation.terminal, { ...invocation.globals, json: false });
  const context: Context = {
    project: desired.project,
    place: () => null,
    report: report.event,
    signal: invocation.interruption(),
  };
  const stack = await stackOf(registry.value, environment, context);
  if (!stack.ok) return failure([stack.failure]);
  const { tools } = registry.value.roots;
  const kept = await writeNamed(tools, name, { stack: stack.value, source: describe(invocation, source) });
  if (!kept.ok) return failure([kept.failure]);
  if (!invocation.globals.quiet)
    invocation.terminal.out(`${name}: ${stack.value.key.replace("sha256:", "").slice(0, 12)}`);
  return success(0);
};

/** What `rootfs:` of a file would say. */
function askedFor(invocation: Invocation, source: string | null): Result<unknown, Problem> {
  const suite = textOption(invocation, "bootstrap");
  if ((suite === null) === (source === null)) return failure(noSource);
  if (suite === null) return success(source);
  const packages = listOption(invocation, "package");
  const [mirror, variant] = [textOption(invocation, "mirror"), textOption(invocation, "variant")];
  return success({
    bootstrap: {
      suite,
      ...(packages.length > 0 ? { packages } : {}),
      ...(mirror === null ? {} : { mirror }),
      ...(variant === null ? {} : { variant }),
    },
  });
}

const describe = (invocation: Invocation, source: string | null): string =>
  source ??
  `bootstrap ${[textOption(invocation, "bootstrap"), ...listOption(invocation, "package")].join(" ")}`;

async function stackOf(
  { roots, images }: Registry,
  environment: Environment,
  context: Context,
): Promise<Result<Stack, Problem>> {
  const { rootfs } = environment;
  switch (rootfs.kind) {
    case "host":
      return failure(noSource);
    case "path":
      return await storeDirectory(roots.tools, rootfs.path, context);
    case "image": {
      const found = await images.lookUp({ rootfs, signal: context.signal, place: null });
      if (!found.ok) return found;
      const pinned = { ...rootfs, digest: found.value.digest };
      return await roots.stacks.ensure({
        environment: { ...environment, rootfs: pinned },
        rootfs: pinned,
        context,
      });
    }
    default:
      return await roots.stacks.ensure({ environment, rootfs, context });
  }
}

const wrongName = (name: string | undefined): Problem => ({
  code: "wrong-name",
  message: name === undefined ? "the new root needs a name" : `\`${name}\` cannot be the name of a root`,
  place: null,
  expected: "lower-case letters, digits, ., _ and -, at most 63",
  hint: "for example `pavlos rootfs create base --bootstrap bookworm`",
});

const noSource: Problem = {
  code: "no-source",
  message: "say what the root is made from: one source, or --bootstrap",
  place: null,
  expected: "a directory, an archive's path or https address, image://NAME, or --bootstrap SUITE",
  hint: "for example `pavlos rootfs create base image://debian:12`",
};

const isThere = (name: string): Problem => ({
  code: "root-exists",
  message: `there is a root called \`${name}\` already`,
  place: null,
  hint: `choose another name, or remove it first: pavlos rootfs rm ${name}`,
});
