import { describe, expect, it } from "vitest";
import type { MountEntry } from "../../../src/host/mountinfo.ts";
import { fileSystemOf, type HostView, hostLayout } from "../../../src/providers/rootfs/host-layout.ts";

const mount = (point: string, type = "ext4"): MountEntry => ({
  point,
  type,
  source: "/dev/x",
  readonly: false,
});
const directories = ["bin", "dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var"];

function view(mounts: readonly MountEntry[], upper = "/var/lib/pavlos/environments/p/web/upper"): HostView {
  const top = directories.map((name) =>
    name === "bin"
      ? { name, kind: "link" as const, target: "usr/bin" }
      : { name, kind: "directory" as const, target: null },
  );
  return { top, mounts: [mount("/"), ...mounts], isDirectory: (point) => !point.endsWith(".so"), upper };
}

const root = { readonly: false, inUserNamespace: false };
const user = { readonly: false, inUserNamespace: true };

const layers = (layout: ReturnType<typeof hostLayout>) =>
  layout.parts.flatMap((part) => (part.kind === "layer" ? [part.layer.point] : []));
const shown = (layout: ReturnType<typeof hostLayout>) =>
  layout.parts.flatMap((part) => (part.kind === "shown" ? [part.point] : []));

describe("the layout of the host's root", () => {
  it("is one overlay over everything for root", () => {
    expect(hostLayout(view([]), root)).toMatchObject({ whole: true, links: {}, unsupported: null });
    expect(layers(hostLayout(view([]), root))).toEqual(["/"]);
  });

  it("follows file systems of the system with overlays of their own, outer ones first", () => {
    const layout = hostLayout(view([mount("/var/log", "xfs"), mount("/usr"), mount("/var", "btrfs")]), root);
    expect(layers(layout)).toEqual(["/", "/usr", "/var", "/var/log"]);
  });

  it("passes over kernel file systems, removable media and what container engines mount", () => {
    const others = [
      mount("/proc", "proc"),
      mount("/dev/shm", "tmpfs"),
      mount("/run/user/1000", "tmpfs"),
      mount("/mnt/disk"),
      mount("/home"),
      mount("/boot"),
      mount("/var/lib/docker/overlay2/x/merged", "overlay"),
      mount("/var/lib/pavlos/environments/p/web/upper/x"),
    ];
    expect(hostLayout(view(others), root).parts).toHaveLength(1);
  });

  it("shows read-only images and single files as they are", () => {
    const layout = hostLayout(view([mount("/snap/core", "squashfs"), mount("/usr/lib/driver.so")]), root);
    expect(shown(layout)).toEqual(["/snap/core", "/usr/lib/driver.so"]);
  });

  it("takes each directory of / on its own in a user namespace, and makes the links anew", () => {
    const layout = hostLayout(view([]), user);
    expect(layout).toMatchObject({ whole: false, links: { bin: "usr/bin" } });
    expect(layers(layout)).toEqual(["/etc", "/opt", "/usr", "/var"]);
  });

  it("shows a directory that holds mounts as a whole in a user namespace, because they are locked", () => {
    const layout = hostLayout(view([mount("/var/lib/lxcfs", "fuse.lxcfs")]), user);
    expect(layers(layout)).toEqual(["/etc", "/opt", "/usr"]);
    expect(shown(layout)).toEqual(["/var"]);
  });

  it("does without writable layers where the data directory cannot hold one", () => {
    const inside = [{ ...mount("/", "overlay") }];
    const layout = hostLayout({ ...view([]), mounts: inside }, root);
    expect(layout).toMatchObject({ whole: false, unsupported: "overlay" });
    expect(layers(layout)).toEqual([]);
    expect(shown(layout)).toContain("/usr");
  });

  it("writes nowhere in a user namespace when the root is to be read-only", () => {
    expect(layers(hostLayout(view([]), { ...user, readonly: true }))).toEqual([]);
  });
});

describe("the file system of a path", () => {
  it("is that of the nearest mount above it, the last of two at one place", () => {
    const mounts = [
      mount("/", "ext4"),
      mount("/var", "xfs"),
      mount("/var", "tmpfs"),
      mount("/variant", "btrfs"),
    ];
    expect(fileSystemOf(mounts, "/var/lib/x")).toBe("tmpfs");
    expect(fileSystemOf(mounts, "/etc")).toBe("ext4");
    expect(fileSystemOf([], "/etc")).toBeNull();
  });
});
