import { expect, it } from "vitest";
import { ignoredBy, patternsOf } from "../../../src/reconcile/watch/ignore.ts";

const left = (patterns: readonly string[], path: string, kind: "file" | "directory" = "file") =>
  ignoredBy([{ base: "", patterns }])(path, kind);

it("matches names anywhere, and paths from the file's own directory", () => {
  expect(left(["*.log"], "a/b/x.log")).toBe(true);
  expect(left(["*.log"], "a/b/x.logs")).toBe(false);
  expect(left(["/build"], "build")).toBe(true);
  expect(left(["/build"], "a/build")).toBe(false);
  expect(left(["doc/*.txt"], "doc/a.txt")).toBe(true);
  expect(left(["doc/*.txt"], "doc/sub/a.txt")).toBe(false);
  expect(left(["doc/**/*.txt"], "doc/a.txt")).toBe(true);
  expect(left(["doc/**/*.txt"], "doc/x/y/a.txt")).toBe(true);
  expect(left(["**/cache"], "a/cache/x")).toBe(true);
  expect(left(["cache/**"], "cache/x/y")).toBe(true);
  expect(left(["a?[b-d].ts"], "axc.ts")).toBe(true);
  expect(left(["a?[!b-d].ts"], "axc.ts")).toBe(false);
});

it("leaves out all below an ignored directory, and only directories where the pattern says so", () => {
  expect(left(["node_modules/"], "node_modules/x/y.js")).toBe(true);
  expect(left(["node_modules/"], "node_modules")).toBe(false);
  expect(left(["node_modules/"], "node_modules", "directory")).toBe(true);
});

it("lets the last matching pattern count, unless a directory above is out", () => {
  expect(left(["*.log", "!keep.log"], "keep.log")).toBe(false);
  expect(left(["logs/", "!logs/keep.log"], "logs/keep.log")).toBe(true);
});

it("joins files of several directories", () => {
  const ignored = ignoredBy([
    { base: "", patterns: ["*.tmp"] },
    { base: "sub/", patterns: ["/only-here", "!x.tmp"] },
  ]);
  expect(ignored("sub/only-here", "file")).toBe(true);
  expect(ignored("only-here", "file")).toBe(false);
  expect(ignored("sub/x.tmp", "file")).toBe(false);
  expect(ignored("x.tmp", "file")).toBe(true);
});

it("reads patterns without comments, blank lines and trailing spaces", () => {
  expect(patternsOf("# no\n\n*.o  \n\\#yes\nkept\\ \r\n")).toEqual(["*.o", "\\#yes", "kept\\ "]);
  expect(left(["\\#yes"], "#yes")).toBe(true);
});
