import { unreachable } from "../../../model/result.ts";
import { sourceKind, splitName } from "./name.ts";
import { makeRegistrySource } from "./registry/client.ts";
import { findCredentials } from "./registry/credentials.ts";
import { endpointsOf } from "./registry/mirrors.ts";
import { makeSession } from "./registry/session.ts";
import { makeTransport } from "./registry/transport.ts";
import type { ImageSource } from "./source.ts";

/** What a source is opened with. */
export interface Opening {
  /** The full name. */
  readonly image: string;
  readonly insecure: boolean;
  readonly surroundings: Surroundings;
}

/** The machine and the moment, so that tests can be any. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  /** Null: missing or not for this caller. */
  readonly readText: (path: string) => string | null;
  readonly list: (path: string) => readonly string[];
  readonly signal: AbortSignal;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly now: () => number;
}

/** Opens whatever the name says an image comes from; only that code is loaded. */
export async function openSource(opening: Opening): Promise<ImageSource> {
  const kind = sourceKind(opening.image);
  switch (kind) {
    case null:
      return await openRegistry(opening);
    default:
      return unreachable(kind as never);
  }
}

async function openRegistry({ image, insecure, surroundings }: Opening): Promise<ImageSource> {
  const name = splitName(image);
  const endpoints = await endpointsOf(surroundings, name.registry, name.repository);
  const transport = makeTransport({ ...surroundings, now: () => Date.now() });
  const sessions = endpoints.map((endpoint, index) =>
    makeSession({
      transport,
      endpoint:
        index === endpoints.length - 1 ? { ...endpoint, insecure: insecure || endpoint.insecure } : endpoint,
      credentials: () =>
        findCredentials(
          surroundings,
          endpoint.host === "registry-1.docker.io" ? "docker.io" : endpoint.host,
          endpoint.repository,
        ),
    }),
  );
  return makeRegistrySource({ full: image, name, sessions, close: () => transport.close() });
}
