import { describe, expect, it } from "vitest";
import {
  approximateBytes,
  formatAge,
  formatBytes,
  formatDuration,
  formatValue,
} from "../../src/ui/values.ts";

describe("bytes", () => {
  it.each([
    [268435456, "256MiB"],
    [4 * 1024 ** 3, "4GiB"],
    [1536 * 1024 ** 2, "1536MiB"],
    [0, "0B"],
    [1000, "1000B"],
    [1_000_000_000, "954MiB"],
  ])("writes %d as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("rounds what nobody wrote down exactly", () => {
    expect(approximateBytes(14 * 1024 ** 2 + 5000)).toBe("14 MiB");
    expect(approximateBytes(1.25 * 1024 ** 3)).toBe("1.3 GiB");
    expect(approximateBytes(12)).toBe("12 B");
  });
});

it.each([
  [10_000, "10s"],
  [90_000, "90s"],
  [300_000, "5m"],
  [500, "500ms"],
  [0, "0s"],
])("writes a duration of %d as %s", (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

it.each([
  [59_000, "59s"],
  [61_000, "1m"],
  [7_200_000, "2h"],
  [3 * 86_400_000, "3d"],
  [-5, "0s"],
])("writes an age of %d as %s", (milliseconds, text) => expect(formatAge(milliseconds)).toBe(text));

describe("values by their path", () => {
  it.each([
    ["resources.memory", 536870912, "512MiB"],
    ["resources.memory", null, "unlimited"],
    ["resources.pids", 512, "512"],
    ["resources.cpus", 1.5, "1.5"],
    ["stop.timeout", 10_000, "10s"],
    ["command[1]", "train.py", '"train.py"'],
    ["command", ["sh", "-c", "echo it's; ls"], "sh -c 'echo it'\\''s; ls'"],
    ["command", [], "(none)"],
    ["env.A", "a b", '"a b"'],
    ["hostname", "web", "web"],
    ["workdir", null, "default"],
    ["readonly", true, "true"],
    ["network", { kind: "none" }, "none"],
    ["rootfs", { kind: "host" }, "host"],
    ["rootfs", { kind: "path", path: "/srv/root", mode: "overlay" }, "/srv/root"],
    ["rootfs", { kind: "archive", archive: "/a.tar", sha256: null }, "/a.tar"],
    [
      "mounts[0]",
      { type: "bind", source: "/data", target: "/data", readonly: true, create: false },
      "/data:/data (read-only)",
    ],
    ["mounts[1]", { type: "tmpfs", target: "/t", readonly: false, size: 1048576 }, "tmpfs:/t (1MiB)"],
    ["resources.ulimits.nofile", { soft: 1024, hard: "unlimited" }, "1024:unlimited"],
    ["secrets.TOKEN", { kind: "env", variable: "MY_TOKEN" }, "from env MY_TOKEN"],
    ["hostname", undefined, "(none)"],
  ])("shows %s = %j as %s", (path, value, text) => expect(formatValue(path, value)).toBe(text));
});
