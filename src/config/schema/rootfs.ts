import * as z from "zod";
import { bootstrap, named, steps } from "./build.ts";
import { oneOrMore, path } from "./values.ts";

const directory = () =>
  z.strictObject({
    path: path("a directory").describe("Directory that holds the root; relative to this file."),
    mode: z
      .enum(["overlay", "direct"], { error: "overlay or direct" })
      .optional()
      .describe(
        "overlay (default): the directory stays as it is, changes go to a layer; direct: used as it is.",
      ),
  });

const archive = () =>
  z.strictObject({
    archive: path("an archive's path or https address").describe(
      "tar archive, plain or compressed with gzip, zstd or xz: a path relative to this file, or an https address.",
    ),
    sha256: z
      .string({ error: "64 hex digits" })
      .regex(/^[0-9a-f]{64}$/i, { error: "64 hex digits" })
      .optional()
      .describe(
        "Digest of the archive's bytes, 64 hex digits; another content is refused. Default: not checked.",
      ),
  });

const verify = () =>
  z.strictObject(
    {
      key: oneOrMore("a public key's path, such as cosign.pub").describe(
        "File of a public key in PEM (cosign.pub), relative to this file, or a list of them: one has to have signed.",
      ),
    },
    { error: "a map such as {key: cosign.pub}" },
  );

const platform = "an operating system and an architecture, such as linux/arm64";
const image = () =>
  z.strictObject({
    image: path("an image's name").describe(
      "Image by its name (debian:12, ghcr.io/owner/name@sha256:...), or oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, lxc:DISTRIBUTION/RELEASE.",
    ),
    platform: z
      .string({ error: platform })
      .regex(/^linux\/[a-z0-9_]+(\/[a-z0-9.]+)?$/i, { error: platform })
      .optional()
      .describe("Platform of the image: linux/amd64, linux/arm64, linux/arm/v7. Default: this machine's."),
    pull: z
      .enum(["missing", "always", "never"], { error: "missing, always or never" })
      .optional()
      .describe(
        "missing (default): fetched when the store lacks it; always: what the name stands for is looked up at each apply; never: only what the store has.",
      )
      .meta({ impact: "record" }),
    insecure: z
      .boolean({ error: "true or false" })
      .optional()
      .describe(
        "The registry may speak plain http or have a certificate that nobody vouches for. Default false.",
      )
      .meta({ impact: "record" }),
    verify: verify()
      .optional()
      .describe(
        "Refuse the image unless cosign's signature by a key lies beside it (tag sha256-....sig); offline, without transparency logs. Default: not checked.",
      ),
  });

const expected =
  "host, a path such as ./root or ./root.tar.zst, image://debian:12, {path: ...}, {archive: ...}, {image: ...}, {bootstrap: ...}, {named: ...} or {from: ..., steps: [...]}";
const short = () =>
  path(expected).describe(
    "host, a directory or archive by its path, an https address of an archive, or image:// and an image's name.",
  );

const expectedBase = "an archive, image://debian:12, {image: ...}, {bootstrap: ...} or {named: ...}";
const build = () =>
  z.strictObject({
    from: z
      .union([path(expectedBase), archive(), image(), bootstrap(), named()], { error: expectedBase })
      .describe("The root that the steps begin with: an archive's path, or a map as in rootfs itself."),
    steps: steps(),
  });

export const rootfs = () =>
  z.union(
    [
      short(),
      z.lazy(directory),
      z.lazy(archive),
      z.lazy(image),
      z.lazy(bootstrap),
      z.lazy(named),
      z.lazy(build),
    ],
    {
      error: expected,
    },
  );
