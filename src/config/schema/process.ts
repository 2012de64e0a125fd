import * as z from "zod";
import { byVariable, command, duration, field, flag, path } from "./values.ts";

const secret = () =>
  z.union(
    [
      z.strictObject({
        env: path("a variable's name").describe("The caller's environment variable that holds it."),
      }),
      z.strictObject({ file: path("a path").describe("A file that holds it, relative to this file.") }),
    ],
    { error: "{env: NAME} or {file: path}" },
  );

/** By the name of the variable that the process sees. */
export const secrets = () => byVariable(secret());

export const stop = () =>
  z.strictObject(
    {
      signal: field(
        path("a signal such as SIGTERM"),
        "live",
        "The signal that asks the command to end. Default SIGTERM.",
      ),
      timeout: field(duration, "live", "How long it may take before it is killed, such as 10s. Default 10s."),
    },
    { error: "a map such as {signal: SIGINT, timeout: 5s}" },
  );

export const isolation = () =>
  z.strictObject(
    {
      pid: field(flag, "restart", "Its own processes: it sees no others. Default true."),
      uts: field(flag, "restart", "Its own host name. Default true."),
      ipc: field(flag, "restart", "Its own shared memory and semaphores. Default true."),
      cgroup: field(flag, "restart", "Its own view of the cgroup tree. Default true."),
      user: field(
        z.union([z.literal("auto"), flag], { error: "auto, true or false" }),
        "restart",
        "Its own user ids; auto: when the caller is not root. Default auto.",
      ),
      time: field(flag, "restart", "Its own boot and monotonic clocks. Default false."),
    },
    { error: "a map such as {pid: false}" },
  );

const names = () => z.array(path("a name such as NET_ADMIN"), { error: "a list such as [NET_ADMIN]" });

export const security = () =>
  z.strictObject(
    {
      capabilities: field(
        z.strictObject(
          {
            add: names()
              .optional()
              .describe("Capabilities on top of the default set, such as [NET_ADMIN], or [ALL]."),
            drop: names()
              .optional()
              .describe("Capabilities taken from the default set, such as [NET_RAW], or [ALL]."),
          },
          { error: "a map with add or drop" },
        ),
        "restart",
        "Changes to the default set of capabilities. Default: none.",
      ),
      seccomp: field(
        path("default, unconfined or a profile's path"),
        "restart",
        "default, unconfined (no filter), or a profile in OCI's JSON, relative to this file. Default default.",
      ),
      noNewPrivileges: field(
        flag,
        "restart",
        "No program gives more privileges (setuid has no effect). Default true.",
      ),
      masks: field(
        flag,
        "restart",
        "Hide or protect the kernel's dangerous paths of /proc and /sys. Default true.",
      ),
      privileged: field(
        flag,
        "restart",
        "All capabilities, no filter, no masks: for trusted code only. Default false.",
      ),
    },
    { error: "a map such as {capabilities: {add: [NET_ADMIN]}}" },
  );

const commands = () => z.array(command, { error: 'a list of commands such as ["npm install"]' });

export const hooks = () =>
  z.strictObject(
    {
      created: field(
        commands(),
        "live",
        "Run inside once, before the first start of a new container. Default: none.",
      ),
      started: field(commands(), "live", "Run inside after each start. Default: none."),
      stopping: field(commands(), "live", "Run inside before each stop. Default: none."),
    },
    { error: "a map with created, started or stopping" },
  );

export const user = () => z.union([z.string(), z.number()], { error: "me, root, uid, uid:gid or a name" });
