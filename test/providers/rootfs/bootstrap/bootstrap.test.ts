import { describe, expect, it } from "vitest";
import type { Bootstrap } from "../../../../src/model/build.ts";
import { explained } from "../../../../src/providers/rootfs/bootstrap/mmdebstrap.ts";
import {
  bootstrapKey,
  installedPackages,
  releaseName,
} from "../../../../src/providers/rootfs/bootstrap/request.ts";
import { environment } from "../../../reconcile/support/environments.ts";
import { context } from "../../support.ts";

const bookworm: Bootstrap = {
  kind: "bootstrap",
  suite: "bookworm",
  variant: "minbase",
  packages: ["curl", "git"],
  mirror: null,
};
const request = { environment: environment("api", { rootfs: bookworm }), rootfs: bookworm, context };

describe("the key of a bootstrap", () => {
  it("names the request, whatever the order of its packages", () => {
    const key = bootstrapKey(bookworm, "x64");
    expect(bootstrapKey({ ...bookworm, packages: ["git", "curl"] }, "x64")).toBe(key);
    expect(bootstrapKey({ ...bookworm, suite: "trixie" }, "x64")).not.toBe(key);
    expect(bootstrapKey(bookworm, "arm64")).not.toBe(key);
    expect(bootstrapKey({ ...bookworm, mirror: "http://mirror.example" }, "x64")).not.toBe(key);
  });
});

describe("what was installed", () => {
  it("is read from dpkg's status, sorted, without what was removed", () => {
    const status =
      "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: apt\nStatus: install ok installed\nVersion: 2.6.1\n";
    expect(Object.entries(installedPackages(status))).toEqual([
      ["apt", "2.6.1"],
      ["zlib1g", "1:1.2"],
    ]);
    expect(releaseName('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe(
      "Debian GNU/Linux 12 (bookworm)",
    );
  });
});

describe("what mmdebstrap says", () => {
  it.each([
    [
      "E: Unable to locate package nosuch",
      "unknown-package",
      "rootfs.bootstrap.packages",
      "bookworm has no package nosuch",
    ],
    [
      "E: The repository 'http://deb.debian.org/debian bookworm Release' does not have a Release file.",
      "unknown-suite",
      "rootfs.bootstrap.suite",
      "there is no release bookworm in the distribution's archive",
    ],
    [
      "W: GPG error: NO_PUBKEY 871920D1991BC93C",
      "keyring-missing",
      "rootfs.bootstrap.suite",
      "lacks the distribution's keys",
    ],
  ])("%s is explained at its field", (line, code, path, message) => {
    const problem = explained(request, ["I: running", line]);
    expect(problem).toMatchObject({ code, place: { file: `api.yaml:${path}` } });
    expect(problem.message).toContain(message);
    expect(problem.hint).toBeTruthy();
  });

  it("is shown as it is when it is something else", () => {
    expect(explained(request, ["E: the disk is full"]).output).toEqual(["E: the disk is full"]);
  });
});
