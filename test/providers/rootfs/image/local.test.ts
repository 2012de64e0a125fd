import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ImageFailure } from "../../../../src/providers/rootfs/image/failure.ts";
import { makeImages } from "../../../../src/providers/rootfs/image/images.ts";
import { indexTar } from "../../../../src/providers/rootfs/image/local/tar-index.ts";
import { fuzz, fuzzTimeout } from "../../../support/fuzz.ts";
import { type Image, image, writeLayout } from "../../../support/oci.ts";
import { seal, tar } from "../../../support/tar.ts";
import { type StoreWorld, storeWorld } from "./store.ts";

let world: StoreWorld;
let directory: string;
beforeEach(() => {
  world = storeWorld();
  directory = mkdtempSync(join(tmpdir(), "pavlos-test-"));
});
afterEach(() => {
  world.remove();
  rmSync(directory, { recursive: true, force: true });
});

const layers = [[{ path: "a", content: "a" }], [{ path: "b", content: "b" }]];
const sample = (text = "x"): Image =>
  image({ layers: [...layers, [{ path: "c", content: text }]], architecture: "amd64", compression: "none" });

const pull = (name: string) =>
  makeImages(world.tools).pull(
    {
      rootfs: {
        kind: "image",
        image: name,
        platform: "linux/amd64",
        pull: "missing",
        insecure: false,
        digest: null,
      },
      place: null,
      signal: new AbortController().signal,
    },
    () => undefined,
  );

/** As docker has written it for years: a directory a layer, equal layers as links to the first. */
function dockerSave(images: Readonly<Record<string, Image>>): string {
  const root = join(directory, "save");
  const manifest = Object.entries(images).map(([tag, { config, layers: parts, diffIds }]) => {
    const name = `${config.descriptor.digest.slice(7)}.json`;
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, name), config.bytes);
    const paths = parts.map(({ bytes }, index) => {
      const own = `${tag.replaceAll(/\W/g, "-")}-${index}`;
      mkdirSync(join(root, own), { recursive: true });
      const shared = join(root, `by-${diffIds[index]?.slice(7)}`);
      try {
        writeFileSync(shared, bytes, { flag: "wx" });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      symlinkSync(`../by-${diffIds[index]?.slice(7)}`, join(root, own, "layer.tar"));
      return `${own}/layer.tar`;
    });
    return { Config: name, RepoTags: [tag], Layers: paths };
  });
  writeFileSync(join(root, "manifest.json"), JSON.stringify(manifest));
  const archive = join(directory, "save.tar");
  execFileSync("tar", ["-cf", archive, "-C", root, "."]);
  return archive;
}

describe("an image layout", () => {
  it("is read from a directory and from an archive", async () => {
    const one = sample();
    writeLayout(join(directory, "layout"), { "1.0": one });
    execFileSync("tar", ["-cf", join(directory, "layout.tar"), "-C", join(directory, "layout"), "."]);
    for (const name of [
      `oci:${directory}/layout`,
      `oci:${directory}/layout:1.0`,
      `oci-archive:${directory}/layout.tar:1.0`,
    ])
      expect(await pull(name)).toMatchObject({ ok: true, value: { key: one.manifest.descriptor.digest } });
  });

  it("with several images wants a tag, and says which there are", async () => {
    writeLayout(join(directory, "layout"), { one: sample("1"), two: sample("2") });
    expect(await pull(`oci:${directory}/layout`)).toMatchObject({
      failure: { code: "image-tag-missing", expected: expect.stringContaining(":two") },
    });
    expect(await pull(`oci:${directory}/layout:three`)).toMatchObject({
      failure: { code: "image-tag-missing", expected: "one, two" },
    });
  });

  it("that lacks a blob, or holds a damaged one, is refused", async () => {
    const one = sample();
    writeLayout(join(directory, "layout"), { one });
    const file = (part: Image["config"] | undefined) =>
      join(directory, "layout/blobs/sha256", part?.descriptor.digest.slice(7) ?? "");
    writeFileSync(file(one.manifest), "{}");
    expect(await pull(`oci:${directory}/layout`)).toMatchObject({ failure: { code: "image-digest" } });
    writeFileSync(file(one.manifest), one.manifest.bytes);
    rmSync(file(one.layers[1]));
    expect(await pull(`oci:${directory}/layout`)).toMatchObject({ failure: { code: "image-incomplete" } });
  });
});

describe("what docker save wrote", () => {
  it("is read, with its links, and has the same digest each time", async () => {
    const one = sample();
    const archive = dockerSave({ "tools/one:1": one });
    const first = await pull(`docker-archive:${archive}`);
    expect(first).toMatchObject({ ok: true });
    expect(first.ok && first.value.layers).toHaveLength(3);
    expect(await pull(`docker-archive:${archive}:tools/one:1`)).toEqual(first);
  });

  it("with several images wants a name", async () => {
    const archive = dockerSave({ "one:1": sample("1"), "two:2": sample("2") });
    expect(await pull(`docker-archive:${archive}`)).toMatchObject({
      failure: {
        code: "image-tag-missing",
        expected: expect.stringContaining(`docker-archive:${archive}:two:2`),
      },
    });
    expect(await pull(`docker-archive:${archive}:two:2`)).toMatchObject({ ok: true });
  });

  it("compressed, or the tar of a root, is explained", async () => {
    const archive = dockerSave({ "one:1": sample() });
    execFileSync("gzip", [archive]);
    expect(await pull(`docker-archive:${archive}.gz`)).toMatchObject({
      failure: { code: "image-archive", hint: `decompress it once: gunzip ${archive}.gz` },
    });
    writeFileSync(archive, tar([{ path: "etc/passwd", content: "root" }]));
    expect(await pull(`docker-archive:${archive}`)).toMatchObject({
      failure: { code: "image-archive", hint: expect.stringContaining("rootfs: {archive: ...}") },
    });
  });
});

describe("the index of an archive", () => {
  it("finds what GNU tar and pax wrote, with long names", async () => {
    const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}`;
    mkdirSync(join(directory, "in", long), { recursive: true });
    writeFileSync(join(directory, "in", long, "file"), "content");
    for (const format of ["gnu", "pax", "ustar"]) {
      const file = join(directory, `${format}.tar`);
      const ustar = format === "ustar";
      if (ustar) rmSync(join(directory, "in", long.slice(0, 90)), { recursive: true });
      if (ustar) mkdirSync(join(directory, "in", "d".repeat(90), "e"), { recursive: true });
      if (ustar) writeFileSync(join(directory, "in", "d".repeat(90), "e", "file"), "content");
      execFileSync("tar", [`--format=${format}`, "-cf", file, "-C", join(directory, "in"), "."]);
      const found = (await indexTar(file)).get(ustar ? `${"d".repeat(90)}/e/file` : `${long}/file`);
      expect(found).toMatchObject({ size: 7 });
    }
  });

  it("never fails in another way than with a reason, whatever the bytes are", {
    timeout: fuzzTimeout,
  }, async () => {
    const seed = tar([
      { path: "manifest.json", content: "[]" },
      { path: "a", type: "symlink", target: "a" },
      { path: `${"x".repeat(120)}/y`, content: "y" },
      { path: "long", type: "pax", content: "18 path=manifest.json\n" },
      { path: "b", type: "hardlink", target: "a" },
      { path: "long", type: "long", content: "another" },
      { path: "c", content: "c".repeat(600) },
    ]);
    const file = join(directory, "fuzz.tar");
    const change = fc.record({
      at: fc.nat(seed.length - 1),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from("0123456789LxS \0.-e"))),
    });
    await fuzz(
      "indexes of archives",
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(seed.length),
        async (changes, cut) => {
          const bytes = Buffer.from(seed);
          for (const { at, byte } of changes) bytes[at] = byte;
          // A right checksum lets most changes get further than to it.
          if (cut % 8 !== 0) for (const { at } of changes) seal(bytes, at);
          writeFileSync(file, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
          try {
            const index = await indexTar(file);
            for (const { start, size } of index.values()) {
              expect(Number.isSafeInteger(start) && start >= 512).toBe(true);
              expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
            }
          } catch (error) {
            if (!(error instanceof ImageFailure)) throw error;
          }
        },
      ),
      200,
    );
  });

  it.each(["1e-300 path=x\n", "0.5 size=1\n", "3 size=1\n", " path=\n", "18446744073709551616 path=x\n"])(
    "ends at a pax header that says %j",
    async (content) => {
      const file = join(directory, "pax.tar");
      writeFileSync(
        file,
        tar([
          { path: "x", type: "pax", content },
          { path: "a", content: "a" },
        ]),
      );
      expect([...(await indexTar(file)).keys()]).toEqual(["a"]);
    },
  );
});
