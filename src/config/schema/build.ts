import * as z from "zod";
import { bootstrapVariants } from "../../model/build.ts";
import { byVariable, command, path, text, variables } from "./values.ts";

const names = (expected: string) => z.array(path(expected), { error: "a list of names" });

const distribution = () =>
  z.strictObject(
    {
      suite: path("a release such as bookworm or noble, or busybox").describe(
        "Release of Debian or Ubuntu, such as bookworm or noble; or busybox: the host's static busybox alone.",
      ),
      packages: names("a package's name").optional().describe("Packages on top. Default: none."),
      mirror: path("an address")
        .regex(/^https?:\/\/|^file:\//, { error: "an address that begins with https://, http:// or file:/" })
        .optional()
        .describe("Address of the package archive. Default: the distribution's own."),
      variant: z
        .enum(bootstrapVariants, { error: `one of ${bootstrapVariants.join(", ")}` })
        .optional()
        .describe(
          "How much is installed: essential, apt, minbase, buildd, important or standard. Default minbase.",
        ),
    },
    { error: "a release such as bookworm, or {suite: bookworm, packages: [git]}" },
  );

const expectedBootstrap = "a release such as bookworm, or {suite: bookworm, packages: [git]}";
export const bootstrap = () =>
  z.strictObject({
    bootstrap: z
      .union([path(expectedBootstrap), distribution()], { error: expectedBootstrap })
      .describe("A distribution that is installed from its packages by mmdebstrap; a text is its suite."),
  });

export const named = () =>
  z.strictObject({
    named: z
      .string({ error: "a name that `pavlos rootfs list` shows" })
      .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, { error: "a name that `pavlos rootfs list` shows" })
      .describe("A root that `pavlos rootfs create` has made."),
  });

const secret = () =>
  z.union(
    [
      z.strictObject({ env: path("a variable's name"), version: text.optional() }),
      z.strictObject({ file: path("a path"), version: text.optional() }),
    ],
    { error: "{env: NAME} or {file: path}" },
  );

const run = () =>
  z.strictObject({
    run: command.describe("A command: a text for /bin/sh -c, or a list."),
    caches: z
      .array(path("apt, pip, npm, cargo or an absolute path"), { error: "a list such as [pip]" })
      .optional()
      .describe(
        "Directories kept from build to build and no part of the result: apt, pip, npm, cargo or absolute paths.",
      ),
    secrets: byVariable(secret())
      .optional()
      .describe(
        "Files in /run/secrets for this step alone: {NAME: {env or file, version}}. Only the version counts as a change.",
      ),
  });

const copied = () =>
  z.strictObject(
    {
      from: path("a path").describe("File or directory, relative to this file."),
      to: path("a path inside").describe("Where: a path inside; one that ends in / is a directory."),
      mode: z
        .union(
          [
            z.string().regex(/^0?[0-7]{3,4}$/, { error: 'octal digits such as "0755"' }),
            z.number().int().min(0).max(0o7777),
          ],
          {
            error: 'octal digits such as "0755"',
          },
        )
        .optional()
        .describe('Mode of files, such as "0755". Default: as they are.'),
      owner: z
        .union([z.string(), z.number()], { error: "uid[:gid] or name[:group]" })
        .optional()
        .describe("uid[:gid] or name[:group] inside. Default: root."),
      ignore: names("a pattern")
        .optional()
        .describe("Patterns as in .dockerignore, which is read too. Default: none."),
    },
    { error: "a map such as {from: app, to: /app}" },
  );

const step = () =>
  z.union(
    [
      run(),
      z.strictObject({ copy: copied().describe("Files of the host.") }),
      z.strictObject({
        packages: names("a package's name")
          .min(1, { error: "a list of names" })
          .describe("Packages of the distribution: apt, apk, dnf or zypper."),
      }),
      z.strictObject({ env: variables.describe("Variables of the following steps and of the environment.") }),
      z.strictObject({
        workdir: path("an absolute path inside").describe(
          "Working directory of the following steps and of the environment.",
        ),
      }),
      z.strictObject({
        user: z
          .union([z.string(), z.number()], { error: "root, uid[:gid] or a name" })
          .describe("User of the following steps and of the environment."),
      }),
    ],
    { error: "one of run, copy, packages, env, workdir, user, such as {run: make}" },
  );

export const steps = () =>
  z
    .array(step(), { error: "a list of steps such as [{run: make}]" })
    .describe("What is done over it, one cached layer a step: run, copy, packages, env, workdir, user.");
