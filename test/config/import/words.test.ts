// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the variables of compose files
import { expect, it } from "vitest";
import { plainJson } from "../../../src/config/import/jsonc.ts";
import { duration, shellWords, size, slug, variables } from "../../../src/config/import/words.ts";

it("reads sizes as docker does: powers of 1024", () => {
  expect(["512m", "1g", "64MB", "1.5k", "1024", "8GiB"].map(size)).toEqual([
    "512MiB",
    "1GiB",
    "64MiB",
    1536,
    1024,
    "8GiB",
  ]);
  expect(["", "m", "12x", "1.5"].map(size)).toEqual([null, null, null, null]);
});

it("reads durations of several units as one", () => {
  expect(["1m30s", "10s", "500ms", "2h", "0s"].map(duration)).toEqual(["90s", "10s", "500ms", "120m", "0s"]);
  expect(["", "10", "5 s"].map(duration)).toEqual([null, null, null]);
});

it("splits words as a shell does", () => {
  expect(shellWords(`a "b c" 'd "e"' f\\ g h"i"j ""`)).toEqual(["a", "b c", 'd "e"', "f g", "hij", ""]);
  expect(shellWords("")).toEqual([]);
});

it("lets variables be empty that compose lets be empty", () => {
  const [a, b, c] = ["${A}", "${A:-}", "${B-x}"];
  expect(variables(`${a} $A $$A ${c}`)).toBe(`${b} ${b} $$A \${B:-x}`);
  expect(variables("${A:?why} ${A?why}")).toBe("${A:?why} ${A:?why}");
  expect(variables("${A:+x}")).toBe(null);
});

it("makes names of environments", () => {
  expect(["My_Service.2", "web", "--", "C++ & more"].map(slug)).toEqual([
    "my-service-2",
    "web",
    "environment",
    "c-more",
  ]);
});

it("takes comments and last commas out of JSON and leaves every offset as it was", () => {
  const text = '{ // "x"\n\t"a": "//no", /* b */ "c": [1, 2,],\n}';
  const plain = plainJson({ file: "/x", text });
  expect(plain.ok && plain.value.text.length).toBe(text.length);
  expect(plain.ok && JSON.parse(plain.value.text)).toEqual({ a: "//no", c: [1, 2] });
  const broken = plainJson({ file: "/x", text: '{\n  "a" 1\n}' });
  expect(!broken.ok && broken.failure.place).toMatchObject({ line: 2 });
});
