import * as z from "zod";
import { command, duration, field, path, whole } from "./values.ts";

const policies = ["never", "on-failure", "always"] as const;
const policy = () => z.enum(policies, { error: "never, on-failure or always" });
const times = "a whole number, or unlimited";

export const restart = () =>
  z.union(
    [
      policy(),
      z.strictObject({
        policy: field(
          policy(),
          "live",
          "never, on-failure (it failed or was killed) or always (success too). Default never.",
        ),
        max: field(
          z.union([whole(0, 1_000_000, times), z.literal("unlimited")], { error: times }),
          "live",
          "Restarts in a row, without 10 s of running in between, after which it is given up; or unlimited. Default 10.",
        ),
        backoff: field(
          duration,
          "live",
          "Pause before the first restart, doubled with each that follows at once, at most a minute. Default 100ms.",
        ),
      }),
    ],
    { error: "never, on-failure, always, or {policy, max, backoff}" },
  );

const port = () => whole(1, 65_535, "a port from 1 to 65535");
const url = "a port, or an address such as http://localhost:8000/health";
const socket = "a port, or an address such as localhost:5432";

const healthExpected = "a map such as {http: 8000} or {command: pg_isready}, or none";

const check = () =>
  z.strictObject(
    {
      command: field(command, "live", "Healthy when this command, run inside, ends with code 0."),
      http: field(
        z.union([port(), path(url)], { error: url }),
        "live",
        "Healthy when this http address (or port), asked in its network, answers with status 200 to 399.",
      ),
      tcp: field(
        z.union([port(), path(socket)], { error: socket }),
        "live",
        "Healthy when somebody accepts at this port, or host:port, in its network.",
      ),
      interval: field(duration, "live", "From one check to the next, once one has succeeded. Default 10s."),
      timeout: field(duration, "live", "How long one check may take. Default 5s."),
      retries: field(
        whole(1, 1000, "a whole number, at least 1"),
        "live",
        "Failures in a row after which it is unhealthy. Default 3.",
      ),
      startPeriod: field(
        duration,
        "live",
        "From the start on, how long the first success may take; until then it is looked for every 100 ms. Default 30s.",
      ),
    },
    { error: healthExpected },
  );

export const health = () =>
  z.union([z.literal("none", { error: healthExpected }), check()], { error: healthExpected });

const condition = () =>
  z.enum(["started", "healthy", "completed"], { error: "started, healthy or completed" });
const others = "a list of environments, or a map of them to started, healthy or completed";

/** By the name of the other environment. */
export const dependsOn = () =>
  z.union([z.array(path("a name")), z.record(z.string(), condition())], {
    error: others,
  });
