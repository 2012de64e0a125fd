import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDotenv } from "../../src/config/dotenv.ts";
import { formatDuration, parseDuration } from "../../src/config/durations.ts";
import { interpolate, type TextFault } from "../../src/config/interpolate.ts";
import { formatSize, parseSize } from "../../src/config/sizes.ts";
import { didYouMean, editDistance } from "../../src/config/suggest.ts";

describe("sizes", () => {
  test.each([
    ["512MiB", 536870912],
    ["1.5GiB", 1610612736],
    ["2G", 2e9],
    ["500k", 500_000],
    ["1 KiB", 1024],
    ["0", 0],
  ])("%s is %d bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(["", "MiB", "1mib", "1Gib", "-1k", "1e3", "9999999TiB", "1 2k"])("%j is no size", (text) =>
    expect(parseSize(text)).toBeNull(),
  );

  test("survive being written and read", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});

describe("durations", () => {
  test("survive being written and read", () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
    expect(parseDuration("1.5h")).toBe(5_400_000);
    expect(parseDuration("10")).toBeNull();
  });
});

describe("interpolate", () => {
  const lookup = (name: string) => ({ A: "1", EMPTY: "" })[name];
  const fill = (text: string): [string, number] => {
    const faults: TextFault[] = [];
    return [interpolate(text, lookup, faults), faults.length];
  };

  test.each([
    ["${A}", "1"],
    ["x${A}y${A}", "x1y1"],
    ["${B:-2}", "2"],
    ["${EMPTY:-2}", "2"],
    ["${EMPTY}", ""],
    ["${B:-${A}}", "1"],
    ["${B:-}", ""],
    ["$${A}", "${A}"],
    ["$A $(pwd) $", "$A $(pwd) $"],
    ["a$$b", "a$b"],
  ])("%s becomes %s", (text, filled) => expect(fill(text)).toEqual([filled, 0]));

  test.each(["${B}", "${B:?no}", "${EMPTY:?no}", "${", "${A", "${}", "${1}", "${A:+x}", "${A-x}", "${a b}"])(
    "%s is a fault",
    (text) => expect(fill(text)[1]).toBe(1),
  );

  test("leaves a text as it was when its dollars are doubled", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fill(text.replaceAll("$", "$$$$"))).toEqual([text, 0]);
      }),
    );
  });

  test("never throws, and names a place within the text for each fault", () => {
    const piece = fc.constantFrom("$", "${", "}", "A", ":-", ":?", "B", "$$", " ");
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join("");
        const faults: TextFault[] = [];
        interpolate(text, lookup, faults);
        for (const { at, length } of faults) expect(at + length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

describe("parseDotenv", () => {
  const read = (text: string) => {
    const { variables, problems } = parseDotenv({ file: "/.env", text });
    return [Object.fromEntries([...variables].map(([name, { value }]) => [name, value])), problems.length];
  };

  test.each([
    ["A=1\nexport B = 2\n\n# c\n", { A: "1", B: "2" }],
    ['A=\'x # $y\'\nB="a\\nb\\"\\$"', { A: "x # $y", B: 'a\nb"$' }],
    ["A=x#y\nB=x # y\nC=\r\nD= \n", { A: "x#y", B: "x", C: "", D: "" }],
    ["A=1\nA=2", { A: "2" }],
    ["URL=http://x/?a=b&c=d", { URL: "http://x/?a=b&c=d" }],
  ])("reads %j", (text, variables) => expect(read(text)).toEqual([variables, 0]));

  test("reports each broken line and reads the others", () => {
    expect(read('A\n1=2\nB=\'x\nC="x" y\nGOOD=1')).toEqual([{ GOOD: "1" }, 4]);
  });
});

describe("suggestions", () => {
  test.each([
    ["memroy", "memory"],
    ["comand", "command"],
    ["Memory", "memory"],
    ["cpu", "cpus"],
  ])("%s suggests %s", (word, meant) =>
    expect(didYouMean(word, ["memory", "command", "cpus"])).toBe(`did you mean \`${meant}\`?`),
  );

  test("stay silent when nothing is near", () =>
    expect(didYouMean("frob", ["memory", "cpus"])).toBeUndefined());

  test("count a swap of neighbours as one edit", () => {
    expect(editDistance("ab", "ba")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
});
