import type { Health } from "../../../model/environment.ts";
import type { ImageHealthcheck } from "../store/stack.ts";

/** What docker assumes where the image says nothing: images are made for that. Milliseconds. */
const interval = 30_000;
const timeout = 30_000;
const retries = 3;

/** Nobody waits for longer. */
const day = 86_400_000;
const mostRetries = 1000;

/**
 * An image's HEALTHCHECK; null: it has none, or none that could be run. The first success may take as long
 * as docker would wait before it calls the container unhealthy.
 */
export function healthOf(check: ImageHealthcheck | null): Health | null {
  const command = check === null ? [] : commandOf(check.test);
  if (check === null || command.length === 0) return null;
  const every = Math.min(day, Math.max(100, check.interval ?? interval));
  const failures = Math.min(mostRetries, Math.max(1, check.retries ?? retries));
  return {
    check: { kind: "command", command },
    interval: every,
    timeout: Math.min(day, Math.max(1, check.timeout ?? timeout)),
    retries: failures,
    startPeriod: Math.min(day, (check.startPeriod ?? 0) + failures * every),
  };
}

function commandOf([kind, ...rest]: readonly string[]): readonly string[] {
  if (kind === "CMD") return rest;
  return kind === "CMD-SHELL" && rest.length > 0 ? ["/bin/sh", "-c", rest.join(" ")] : [];
}
