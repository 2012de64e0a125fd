import type { Image } from "../model/environment.ts";
import { parseImageName, printImageName } from "./image-name.ts";
import { hostPath, report, type Scope } from "./scope.ts";

/** An image as the file has it. */
export interface ImageInput {
  readonly image: string;
  readonly platform?: string | undefined;
  readonly pull?: "missing" | "always" | "never" | undefined;
  readonly insecure?: boolean | undefined;
  readonly verify?: { readonly key: string | readonly string[] } | undefined;
}

type Path = readonly PropertyKey[];

/** The root of an image, by its full name; the digest is filled in from the lock later. */
export function resolveImage(scope: Scope, at: Path, input: ImageInput): Image {
  return {
    kind: "image",
    image: fullName(scope, at, input.image),
    platform: input.platform?.toLowerCase() ?? hostPlatform(scope.host.arch),
    pull: input.pull ?? "missing",
    insecure: input.insecure ?? false,
    ...(input.verify === undefined ? {} : { verify: { keys: keysOf(scope, at, input.verify.key) } }),
    digest: null,
  };
}

/** Absolute paths of the keys, which have to be there. */
function keysOf(scope: Scope, at: Path, key: string | readonly string[]): readonly string[] {
  return [key].flat().map((written) => {
    const place = [...at.slice(0, -1), "verify", "key"];
    const path = hostPath(scope, place, written);
    if (scope.reader.stat(path) !== "file") {
      scope.follow(path);
      report(scope, place, {
        code: "verify-key",
        message: `there is no public key ${path}`,
        hint: "`cosign generate-key-pair` makes one; the path is relative to this file",
      });
    }
    return path;
  });
}

/** As OCI names the platform of a machine. */
export const hostPlatform = (arch: string): string => `linux/${architectures[arch] ?? arch}`;

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  arm64: "arm64",
  arm: "arm/v7",
  ppc64: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
};

/** Where LXC's images come from when no server is named. */
const lxcServer = "https://images.linuxcontainers.org";

function fullName(scope: Scope, at: Path, text: string): string {
  const local = /^(oci|oci-archive|docker-archive):(?!\/\/)(.*)$/s.exec(text);
  if (local !== null) return localName(scope, at, { kind: local[1] ?? "", rest: local[2] ?? "" });
  if (/^(lxc|simplestreams):/.test(text)) return streamName(scope, at, text);
  const name = parseImageName(text);
  if (name.ok) return printImageName(name.value);
  report(scope, at, name.failure);
  return text;
}

/** `oci:DIR[:TAG]`, the path made absolute; it cannot hold a colon itself. */
function localName(scope: Scope, at: Path, { kind, rest }: { kind: string; rest: string }): string {
  const colon = rest.indexOf(":");
  const written = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? "" : rest.slice(colon);
  const wanted = kind === "oci" ? "directory" : "file";
  const path = hostPath(scope, at, written);
  const found = written === "" ? null : scope.reader.stat(path);
  if (found === null) {
    scope.follow(path);
    report(scope, at, {
      code: "rootfs-missing",
      message: `there is no ${wanted} ${written === "" ? "in the name" : path}`,
      expected: `${kind}: and the path of ${kind === "oci" ? "an image layout" : "an archive"}, then :TAG where it holds several`,
      hint: "make it, or correct the path: it is relative to this file",
    });
  } else if (found !== wanted) {
    report(scope, at, {
      code: "rootfs-wrong-kind",
      message: `${path} is not a ${wanted}`,
      expected: `a ${wanted}`,
      hint: found === "directory" ? `for an image layout write oci:${written}` : undefined,
    });
  }
  return `${kind}:${path}${tag}`;
}

/** `lxc:debian/bookworm[/VARIANT]` or `simplestreams:https://SERVER#debian/bookworm`. */
function streamName(scope: Scope, at: Path, text: string): string {
  const stream = text.startsWith("lxc:")
    ? `${lxcServer}#${text.slice(4)}`
    : text.slice("simplestreams:".length);
  const [server = "", product = ""] = stream.split("#");
  const parts = product.split("/");
  const plain = /^http:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?(\/|$)/.test(server);
  if (!/^https:\/\/\S+$/.test(server) && !plain)
    report(scope, at, {
      code: "image-name",
      message: `"${text}" names no https server`,
      expected: "simplestreams:https://SERVER#DISTRIBUTION/RELEASE[/VARIANT]",
    });
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^[\w.+-]+$/.test(part)))
    report(scope, at, {
      code: "image-name",
      message: `"${product}" is no image of a simplestreams server`,
      expected: "DISTRIBUTION/RELEASE[/VARIANT], such as debian/bookworm",
    });
  return `simplestreams:${server.replace(/\/+$/, "")}#${[...parts, "default"].slice(0, 3).join("/")}`;
}
