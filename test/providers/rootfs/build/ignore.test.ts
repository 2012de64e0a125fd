import { expect, it } from "vitest";
import { ignoreOf } from "../../../../src/providers/rootfs/build/ignore.ts";

const cases: readonly (readonly [readonly string[], string, boolean])[] = [
  [["node_modules"], "node_modules", true],
  [["node_modules"], "node_modules/a/b", true],
  [["node_modules"], "sub/node_modules", false],
  [["**/node_modules"], "sub/node_modules/a", true],
  [["**/node_modules"], "node_modules", true],
  [["*.log"], "a.log", true],
  [["*.log"], "sub/a.log", false],
  [["**/*.log"], "sub/a.log", true],
  [["/build/"], "build/x", true],
  [["./build"], "build", true],
  [["a?c"], "abc", true],
  [["a?c"], "a/c", false],
  [["docs", "!docs/keep.md"], "docs/keep.md", false],
  [["docs", "!docs/keep.md"], "docs/other.md", true],
  [["!docs", "docs"], "docs", true],
  [["# a comment", ""], "# a comment", false],
  [["a+b.txt"], "a+b.txt", true],
  [["a+b.txt"], "aab.txt", false],
  [["[ab].txt"], "a.txt", true],
  [["[!ab].txt"], "a.txt", false],
];

it.each(cases)("%j means %s: %s", (patterns, path, ignored) => {
  expect(ignoreOf(patterns)(path)).toBe(ignored);
});
