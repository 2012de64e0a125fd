import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isInLayers } from "../../src/host/layered.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pavlos-layered-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Entry = "file" | "directory" | "removed" | { readonly link: string };

/** Layers as maps of paths, topmost first; gives what of the paths is seen. */
function seen(layers: readonly Readonly<Record<string, Entry>>[], ...paths: string[]) {
  const trees = layers.map((entries, index) => {
    const tree = join(directory, String(index));
    mkdirSync(tree);
    for (const [path, entry] of Object.entries(entries)) {
      const at = join(tree, path);
      mkdirSync(dirname(at), { recursive: true });
      if (entry === "file") writeFileSync(at, "");
      else if (entry === "directory") mkdirSync(at);
      else if (entry === "removed") execFileSync("mknod", [at, "c", "0", "0"]);
      else symlinkSync(entry.link, at);
    }
    return tree;
  });
  return paths.filter((path) => isInLayers(trees, path));
}

it("directories are merged, and what lies above hides what lies below", () => {
  const layers = [
    { "lib/upper": "file", "bin/sh": "removed", etc: "file" },
    { "lib/lower": "file", "bin/sh": "file", "etc/passwd": "file" },
  ] as const;
  expect(seen(layers, "/lib/upper", "/lib/lower", "/lib", "/bin/sh", "/etc", "/etc/passwd", "/no")).toEqual([
    "/lib/upper",
    "/lib/lower",
    "/lib",
    "/etc",
  ]);
});

it("links lead on inside, from layer to layer, and never out", () => {
  const layers = [
    { "usr/lib/one": "file", out: { link: "../../../../../../../../../etc" }, loop: { link: "loop" } },
    {
      lib: { link: "usr/lib" },
      "usr/lib/two": { link: "/lib/one" },
      "usr/lib/none": { link: "nowhere" },
      etc: "directory",
    },
  ] as const;
  const paths = ["/lib/one", "/lib/two", "/usr/lib/../lib/one", "/out/passwd", "/loop", "/lib/none"];
  expect(seen(layers, ...paths)).toEqual(["/lib/one", "/lib/two", "/usr/lib/../lib/one"]);
});

it("a link in a layer hides the directories below it", () => {
  const layers = [
    { "usr/lib": { link: "lib64" } },
    { "usr/lib/old": "file", "usr/lib64/new": "file" },
  ] as const;
  expect(seen(layers, "/usr/lib/old", "/usr/lib/new")).toEqual(["/usr/lib/new"]);
});
