import * as z from "zod";
import { command, path } from "./values.ts";

const ignore = () =>
  z.array(path("a pattern such as *.log"), { error: 'a list such as ["*.log", "build/"]' });

const rule = () =>
  z.strictObject(
    {
      path: path("a file or directory").describe(
        "File or directory that is followed; relative to this file.",
      ),
      ignore: ignore()
        .optional()
        .describe(
          "What of it does not count, as in .gitignore; the .gitignore files there count too. Default: none.",
        ),
      action: z
        .enum(["sync", "restart", "exec", "rebuild"], { error: "sync, restart, exec or rebuild" })
        .describe(
          "sync: copy what changed to target. restart: the main process. exec: run command inside. rebuild: a new container.",
        ),
      target: path("an absolute path inside")
        .optional()
        .describe("sync only: where it goes, an absolute path inside, or ~/..."),
      command: command.optional().describe("exec only: a list, or a text for /bin/sh -c; it runs inside."),
    },
    { error: "a map such as {path: ./src, action: restart}" },
  );

export const watch = () =>
  z.array(rule(), { error: "a list of rules such as {path: ./src, action: restart}" });
