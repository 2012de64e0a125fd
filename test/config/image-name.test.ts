import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseImageName, printImageName } from "../../src/config/image-name.ts";
import { splitName } from "../../src/providers/rootfs/image/name.ts";
import { fuzz, fuzzTimeout } from "../support/fuzz.ts";

const hex = "a".repeat(64);

describe("names of images", () => {
  it.each([
    ["debian", "docker.io/library/debian:latest"],
    ["debian:12", "docker.io/library/debian:12"],
    ["image://debian:12", "docker.io/library/debian:12"],
    ["docker://debian", "docker.io/library/debian:latest"],
    ["grafana/grafana", "docker.io/grafana/grafana:latest"],
    ["index.docker.io/debian", "docker.io/library/debian:latest"],
    ["registry-1.docker.io/library/debian:12", "docker.io/library/debian:12"],
    ["localhost/x", "localhost/x:latest"],
    ["127.0.0.1:5000/debian:12", "127.0.0.1:5000/debian:12"],
    ["[::1]:5000/a/b", "[::1]:5000/a/b:latest"],
    ["GHCR.io/owner/name:Tag", "ghcr.io/owner/name:Tag"],
    ["nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04", "nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04"],
    [`debian@sha256:${hex}`, `docker.io/library/debian@sha256:${hex}`],
    [`debian:12@sha256:${hex}`, `docker.io/library/debian:12@sha256:${hex}`],
    ["a/b__c/d--e.f_g", "docker.io/a/b__c/d--e.f_g:latest"],
  ])("%s is %s", (written, full) => {
    const parsed = parseImageName(written);
    expect(parsed.ok && printImageName(parsed.value)).toBe(full);
    const { registry, repository, tag, digest } = splitName(full);
    expect(parsed.ok && parsed.value).toEqual({ registry, repository, tag, digest });
  });

  it.each([
    ["", "there is no name in it"],
    ["Debian", "upper-case letters are not allowed"],
    ["debian:", "is no tag"],
    ["debian:-x", "is no tag"],
    [`debian:${"x".repeat(129)}`, "is no tag"],
    ["debian@sha256:abc", "is no digest"],
    ["debian@md5:abc", "is no digest"],
    ["a//b", "may hold only"],
    ["-a", "may hold only"],
    ["ghcr.io/", "there is no name in it"],
    ["ghcr.io:99999/a", "has no valid port"],
    ["a".repeat(300), "longer than 255"],
    ["http://x/y", "it is an address"],
    ["a b", "may hold only"],
  ])("refuses %j", (written, why) => {
    const parsed = parseImageName(written);
    expect(parsed.ok ? "accepted" : parsed.failure.message).toContain(why);
  });

  it("suggests the name in lower case", () => {
    const parsed = parseImageName("Debian:12");
    expect(parsed.ok ? "" : parsed.failure.hint).toBe("did you mean `debian:12`?");
  });

  it("reads its own full names as the same, and never throws", { timeout: fuzzTimeout }, async () => {
    const piece = fc.constantFrom(
      "a",
      "Z",
      "0",
      "-",
      "_",
      ".",
      "/",
      ":",
      "@",
      "sha256:",
      hex,
      "[",
      "]",
      " ",
      "é",
      "localhost",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
    );
    await fuzz(
      "names of images",
      fc.property(text, (written) => {
        const parsed = parseImageName(written);
        if (!parsed.ok) return;
        const full = printImageName(parsed.value);
        expect(parseImageName(full)).toEqual(parsed);
        expect(splitName(full)).toEqual(parsed.value);
      }),
      2000,
    );
  });
});
