import { describe, expect, it } from "vitest";
import { certificatesOf } from "../../../../src/providers/rootfs/image/registry/certificates.ts";

const machine = (files: Readonly<Record<string, string>>) => ({
  env: {},
  home: "/home/me",
  readText: (path: string) => files[path] ?? null,
  list: (path: string) =>
    Object.keys(files)
      .filter((file) => file.startsWith(`${path}/`))
      .map((file) => file.slice(path.length + 1)),
});

describe("the certificates of a registry", () => {
  it("are those of its host and port, the caller's own before the machine's", () => {
    const files = {
      "/home/me/.config/containers/certs.d/a:5000/ca.crt": "mine",
      "/home/me/.config/containers/certs.d/a:5000/client.cert": "cert",
      "/home/me/.config/containers/certs.d/a:5000/client.key": "key",
      "/etc/docker/certs.d/a:5000/ca.crt": "the machine's",
      "/etc/docker/certs.d/b/1.crt": "one",
      "/etc/docker/certs.d/b/2.crt": "two",
      "/etc/docker/certs.d/b/client.cert": "without its key",
    };
    const found = (host: string) => certificatesOf(machine(files), host);
    expect(found("a:5000")).toEqual({ ca: ["mine"], own: { cert: "cert", key: "key" } });
    expect(found("b")).toEqual({ ca: ["one", "two"], own: null });
    expect(found("a")).toBeNull();
  });
});
