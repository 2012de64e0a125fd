import { splitName } from "../name.ts";
import type { Opening } from "../open.ts";
import type { ImageSource } from "../source.ts";
import { certificatesOf } from "./certificates.ts";
import { makeRegistrySource } from "./client.ts";
import { findCredentials } from "./credentials.ts";
import { endpointsOf } from "./mirrors.ts";
import { makeSession } from "./session.ts";
import { makeTransport } from "./transport.ts";

/** An image in a registry, through the mirrors and with the logins of this machine. */
export async function openRegistry({ image, insecure, surroundings }: Opening): Promise<ImageSource> {
  const name = splitName(image);
  const endpoints = await endpointsOf(surroundings, name.registry, name.repository);
  const transport = makeTransport({
    ...surroundings,
    now: () => Date.now(),
    certificates: (host) => certificatesOf(surroundings, host),
  });
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
