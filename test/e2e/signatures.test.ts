import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

const [caller] = callers();

/** What `cosign sign` leaves beside an image in a layout. */
function signLayout(layout: string, key: KeyObject, { signed, at }: { signed: string; at: string }): void {
  const put = (bytes: string | Buffer) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(layout, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) };
  };
  const type = "cosign container image signature";
  const critical = {
    identity: { "docker-reference": "" },
    image: { "docker-manifest-digest": signed },
    type,
  };
  const payload = JSON.stringify({ critical, optional: null });
  const signature = sign("sha256", Buffer.from(payload), key).toString("base64");
  const manifest = put(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...put("{}") },
      layers: [
        {
          mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
          ...put(payload),
          annotations: { "dev.cosignproject.cosign/signature": signature },
        },
      ],
    }),
  );
  const file = join(layout, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8"));
  const name = `${at.replace(":", "-")}.sig`;
  const kept = index.manifests.filter(
    (entry: { annotations: Record<string, string> }) =>
      entry.annotations["org.opencontainers.image.ref.name"] !== name,
  );
  kept.push({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": name },
  });
  writeFileSync(file, JSON.stringify({ ...index, manifests: kept }));
}

function layoutOf(at: World): { readonly layout: string; readonly digest: string } {
  at.write("environments/box.yaml", "rootfs: {bootstrap: busybox}\ncommand: [sleep, '1000']\n");
  expectCode(at.pavlos("export", "box", "-o", "layout/"), 0);
  const layout = join(at.project, "layout");
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  return { layout, digest: index.manifests[0].digest };
}

it("an image is used only with a signature of the key that is asked for, also when the store has it already", () => {
  if (caller === undefined) throw new Error("nobody to run as");
  const at = world(caller);
  try {
    const { layout, digest } = layoutOf(at);
    const [mine, theirs] = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
    if (mine === undefined || theirs === undefined) throw new Error("no keys");
    at.write("cosign.pub", mine.publicKey.export({ type: "spki", format: "pem" }).toString());
    at.write("not-a-key.pub", "hello\n");
    const image = (verify: string) =>
      at.write(
        "environments/box.yaml",
        `rootfs: {image: "oci:../layout:box:latest"${verify}}\ncommand: [sleep, "1000"]\n`,
      );
    const refused = () => expectCode(at.pavlos("apply", "--yes"), 1).stderr;

    image(", verify: {key: ../cosign.pub}");
    expect(refused()).toContain("it has no signature");
    signLayout(layout, theirs.privateKey, { signed: digest, at: digest });
    expect(refused()).toContain("its signature is not of the given key");
    signLayout(layout, mine.privateKey, { signed: `sha256:${"0".repeat(64)}`, at: digest });
    expect(refused()).toContain("its signature is of another image");
    expect(at.pavlos("ps", "--json").stdout).not.toContain("running");

    // Without a policy it gets in; with one the store's copy is not enough.
    image("");
    expectCode(at.pavlos("build"), 0);
    image(", verify: {key: ../cosign.pub}");
    expect(refused()).toContain("its signature is of another image");
    signLayout(layout, mine.privateKey, { signed: digest, at: digest });
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(expectCode(at.pavlos("exec", "box", "--", "cat", "/etc/os-release"), 0).stdout).toContain(
      "busybox",
    );

    image(", verify: {key: ../missing.pub}");
    expect(refused()).toContain("missing.pub");
    image(", verify: {key: ../not-a-key.pub}");
    expect(refused()).toContain("is no public key");
  } finally {
    at.end();
  }
});
