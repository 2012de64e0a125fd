import type { Port } from "./environment.ts";

/** As it is written in the file: "127.0.0.1:8080:80/udp". */
export function formatPort({ address, host, container, count, protocol }: Port): string {
  const range = (first: number): string => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
  const where = address === null ? "" : address.includes(":") ? `[${address}]:` : `${address}:`;
  const suffix = protocol === "tcp" ? "" : `/${protocol}`;
  return `${where}${host === null ? "auto" : range(host)}:${range(container)}${suffix}`;
}
