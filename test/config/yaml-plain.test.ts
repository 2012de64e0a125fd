import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Tree } from "../../src/config/tree.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import { parsePlainYaml } from "../../src/config/yaml-plain.ts";

/** Without the source, with everything that the rest of config/ looks at. */
function comparable(tree: Tree | null): unknown {
  if (tree === null) return null;
  const { start, end } = tree.span;
  // Where nothing is written there is no exact place.
  if (tree.kind === "scalar" && tree.value === null && tree.text === "") return null;
  if (tree.kind === "scalar") return { value: tree.value, text: tree.text, plain: tree.plain, start, end };
  if (tree.kind === "list") return { items: tree.items.map(comparable), start };
  const entries = [...tree.entries].map(([key, entry]) => [
    key,
    entry.key.start,
    entry.key.end,
    comparable(entry.value),
  ]);
  return { entries, start };
}

function expectSame(text: string): boolean {
  const source = { file: "/it.yaml", text };
  const plain = parsePlainYaml(source);
  if (plain === null) return false;
  const whole = parseYaml(source);
  expect(whole.problems, text).toEqual([]);
  expect(whole.documents.map(comparable), text).toEqual([comparable(plain)]);
  return true;
}

const everyday = `# an environment
rootfs: host
command: ["sleep", 'infinity', 5]  # forever
empty:
env:
  A: "1"   # one
  B: two words
  C:
  PATH: $HOME/bin:/usr/bin
resources:
    cpus: 1.5
    memory: 256MiB

    ulimits: {nofile: 4096, core: "unlimited"}
gpus: {count: 1, capabilities: [compute, "utility"], of: [{a: [x, 1 ]}, {}, [ ]] }  # nested
mounts:
  - ./data:/data:ro
  - type: tmpfs
    target: /tmp
  -   source: ~/x
      target: /y
hooks:
  created:
  - echo hello
  - [a, b c]
tty: false
user: ~
`;

describe("parsePlainYaml", () => {
  test("reads an everyday file as the whole parser does", () => {
    expect(expectSame(everyday)).toBe(true);
  });

  test.each([
    "a: |\n  text\n",
    "a: &x 1\nb: *x\n",
    "a: !!str 1\n",
    "a: b: c\n",
    "a: 1\na: 2\n",
    "a:\n    b: 1\n  c: 2\n",
    "a: [1, [2]\n",
    "a: {b: [1}]\n",
    "a: [[1]: 2]\n",
    "a: [[[[[[[[[1]]]]]]]]]\n",
    "a: first\n  second\n",
    "\ta: 1\n",
    "---\na: 1\n---\nb: 2\n",
    "- a\n- b\n",
    'a: "x\\n"\n',
    "a: 'it''s'\n",
    "a: 0x10\n",
    "? a\n: b\n",
    "a: @b\n",
    "a: [b\n",
    '"a": 1\n',
    "null: 1\n",
    "",
    "a\n",
  ])("leaves %j to the whole parser", (text) => {
    expect(parsePlainYaml({ file: "/it.yaml", text })).toBeNull();
  });

  test("agrees with the whole parser on whatever it accepts", () => {
    const piece = fc.constantFrom(
      ...[
        "a",
        "b",
        "key",
        ":",
        ": ",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "\n ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        '"',
        "'",
        " #",
      ],
      ...[
        "#",
        " ",
        "1",
        "0",
        ".5",
        "1e3",
        "true",
        "null",
        "~",
        "$",
        "/x",
        "x:y",
        "...",
        "---",
        "&",
        "*",
        "!",
        "|",
        "é",
        "\\",
      ],
    );
    let accepted = 0;
    const text = fc.array(piece, { maxLength: 24 }).map((pieces) => `a:${pieces.join("")}`);
    const agrees = fc.property(text, (written) => {
      if (expectSame(written)) accepted += 1;
    });
    fc.assert(agrees, { numRuns: 3000 });
    expect(accepted).toBeGreaterThan(20);
  });

  test("agrees with the whole parser on mutations of an everyday file", () => {
    const at = fc.nat(everyday.length - 1);
    const change = fc.record({
      at,
      remove: fc.nat(3),
      insert: fc.constantFrom("", " ", "\n", ":", "-", '"', "#", "  ", "[", "a: b", "]", "{", "}", ", "),
    });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
        let text = everyday;
        for (const each of changes)
          text = text.slice(0, each.at) + each.insert + text.slice(each.at + each.remove);
        if (expectSame(text)) accepted += 1;
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(200);
  });
});
