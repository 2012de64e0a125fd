import { noConfig } from "../store/stack.ts";
import type { Described } from "./describe.ts";
import { ImageFailure } from "./failure.ts";
import { asObject, type Descriptor, type Json, malformed, parseJson } from "./manifest.ts";
import { parsePlatform, printPlatform } from "./platform.ts";
import { textOf } from "./registry/answers.ts";
import { unreachable } from "./registry/session.ts";
import { nearestTags } from "./registry/tags.ts";
import type { Answer, Ask, Transport } from "./registry/transport.ts";
import type { ImageSource } from "./source.ts";

export interface SimplestreamsOptions {
  readonly full: string;
  /** "https://images.linuxcontainers.org" */
  readonly server: string;
  /** "debian/bookworm/default" */
  readonly product: string;
  readonly insecure: boolean;
  readonly transport: Transport;
}

const largestIndex = 64 << 20;

/** LXC's images: an index of root filesystems, each one archive with its sha256. */
export function makeSimplestreamsSource(options: SimplestreamsOptions): ImageSource {
  const { full, server, transport, insecure } = options;
  const get = async (
    path: string,
    how: Pick<Ask, "headers" | "length"> = { headers: {} },
  ): Promise<Answer> => {
    const url = new URL(`${server}/${path}`);
    try {
      return await transport.send({ method: "GET", url, ...how, authorization: null, insecure });
    } catch (error) {
      throw error instanceof ImageFailure ? error : unreachable(url.host, error);
    }
  };
  return {
    name: full,
    manifest: () => Promise.reject(new Error("a simplestreams server has no manifests")),
    async describe(which, platform) {
      const items = await findItems(get, options, platform);
      const item = which === null ? items[0] : items.find((one) => `sha256:${one.sha256}` === which);
      if (item === undefined) throw gone(options, which);
      return describedBy(item);
    },
    async open({ urls }, { start, end }) {
      const range = { range: `bytes=${start}-${end === null ? "" : end - 1}` };
      const headers = start > 0 || end !== null ? range : {};
      const answer = await get(urls[0] ?? "", { headers, length: "long" });
      if (answer.status !== 200 && answer.status !== 206) throw await refusal(options, answer, urls[0] ?? "");
      return {
        body: answer.body,
        start: answer.status === 206 ? start : 0,
        cancel: () => answer.body.cancel(),
      };
    },
    close: () => transport.close(),
  };
}

interface Item {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

function describedBy({ path, sha256, size }: Item): Described {
  const digest = `sha256:${sha256}`;
  const descriptor: Descriptor = {
    mediaType: "application/x-tar",
    digest,
    size,
    urls: [path],
    data: null,
    platform: null,
    annotations: {},
  };
  return { digest, layers: [{ descriptor, id: `archive-${sha256}`, diffId: null }], config: noConfig, size };
}

/** The root archives of the product, newest first. */
async function findItems(
  get: (path: string) => Promise<Answer>,
  options: SimplestreamsOptions,
  platform: string,
): Promise<readonly Item[]> {
  const index = await readJson(await get("streams/v1/index.json"), options, "streams/v1/index.json");
  const lists = Object.values(asObject(index.index) ?? {}).flatMap((value) => {
    const list = asObject(value);
    return list?.datatype === "image-downloads" && typeof list.path === "string" ? [list.path] : [];
  });
  const architecture = architectureOf(platform);
  const key = [...options.product.split("/").slice(0, 2), architecture, options.product.split("/")[2]].join(
    ":",
  );
  const offered: string[] = [];
  for (const path of lists) {
    const { products } = await readJson(await get(path), options, path);
    const found = asObject(asObject(products)?.[key]);
    if (found !== null) return itemsOf(found);
    offered.push(...Object.keys(asObject(products) ?? {}));
  }
  throw noProduct(options, platform, offered);
}

async function readJson(answer: Answer, options: SimplestreamsOptions, path: string): Promise<Json> {
  if (answer.status !== 200) throw await refusal(options, answer, path);
  const document = asObject(
    parseJson(Buffer.from(await textOf(answer, largestIndex)), `${options.server}/${path}`),
  );
  if (document === null) throw malformed(`${options.server}/${path}`, "it is not an object");
  return document;
}

function itemsOf(product: Json): readonly Item[] {
  const versions = Object.entries(asObject(product.versions) ?? {}).sort(([a], [b]) => (a < b ? 1 : -1));
  return versions.flatMap(([, version]) => {
    const items = Object.values(asObject(asObject(version)?.items) ?? {}).map((item) => asObject(item) ?? {});
    const root = ["root.tar.zst", "root.tar.gz", "root.tar.xz"]
      .map((type) => items.find(({ ftype }) => ftype === type))
      .find((item) => item !== undefined);
    const { path, sha256, size } = root ?? {};
    const sound = typeof path === "string" && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
    return sound && typeof size === "number" ? [{ path: path.replace(/^\/+/, ""), sha256, size }] : [];
  });
}

/** As Debian and LXC name it. */
function architectureOf(platform: string): string {
  const { architecture, variant } = parsePlatform(platform);
  if (architecture === "arm") return variant === "v5" || variant === "v6" ? "armel" : "armhf";
  return { "386": "i386", ppc64le: "ppc64el" }[architecture] ?? architecture;
}

function noProduct(
  { server, product }: SimplestreamsOptions,
  platform: string,
  offered: readonly string[],
): ImageFailure {
  const names = [
    ...new Set(
      offered.map((key) => key.split(":")).map(([os, release, , variant]) => `${os}/${release}/${variant}`),
    ),
  ];
  const same = offered.some(
    (key) => `${key.split(":")[0]}/${key.split(":")[1]}/${key.split(":")[3]}` === product,
  );
  if (same)
    return new ImageFailure({
      code: "image-platform",
      message: `${server} has no ${product} for ${printPlatform(parsePlatform(platform))}`,
      hint: "choose another image, or set rootfs.platform",
    });
  return new ImageFailure({
    code: "image-missing",
    message: `${server} has no image ${product}`,
    ...(names.length === 0 ? {} : nearestTags(product, names)),
  });
}

function gone({ server, product }: SimplestreamsOptions, digest: string | null): ImageFailure {
  return new ImageFailure({
    code: "image-missing",
    message: `${server} offers ${digest === null ? "no root archive" : `${digest.slice(0, 19)} no longer`} of ${product}`,
    hint: "such servers keep a few days only: `pavlos update` takes what there is now",
  });
}

async function refusal(
  { server }: SimplestreamsOptions,
  answer: Answer,
  path: string,
): Promise<ImageFailure> {
  answer.body.cancel();
  return new ImageFailure({
    code: "image-missing",
    message: `${server}/${path} cannot be fetched: the server answers ${answer.status}`,
    hint: "correct the server, or try again later",
  });
}
