import { describe, expect, test } from "vitest";
import type { Problem } from "../../src/model/source.ts";
import { renderProblem } from "../../src/ui/problems.ts";
import { plain } from "../../src/ui/terminal.ts";

const view = { style: plain, base: "/p" };
const problem: Problem = {
  code: "wrong-value",
  message: "`a` cannot be 1, see /p/x.yaml",
  place: { file: "/p/x.yaml", line: 2, column: 4 },
  length: 3,
  expected: "two",
  hint: "write 2 into /p/x.yaml",
};

describe("renderProblem", () => {
  test("shows the message, the place, the marked line, what was expected and the next step", () => {
    expect(renderProblem(problem, "one\na: abc d\n", view)).toBe(
      [
        "error: `a` cannot be 1, see x.yaml",
        " --> x.yaml:2:4",
        "  |",
        "2 | a: abc d",
        "  |    ^^^",
        "  expected: two",
        "  next: write 2 into x.yaml",
      ].join("\n"),
    );
  });

  test("leaves out the frame without a text, and the place without a file", () => {
    expect(renderProblem(problem, null, view)).not.toContain("|");
    const { length: _, expected: __, hint: ___, ...bare } = problem;
    expect(renderProblem({ ...bare, place: null }, null, view)).toBe("error: `a` cannot be 1, see x.yaml");
  });

  test("keeps a long line short around the mark", () => {
    const text = `\n${"x".repeat(300)}WRONG${"y".repeat(300)}`;
    const place = { file: "/p/x.yaml", line: 2, column: 301 };
    const [, , , line = "", mark = ""] = renderProblem({ ...problem, place, length: 5 }, text, view).split(
      "\n",
    );
    expect(line.length).toBeLessThan(110);
    expect(line.slice(mark.indexOf("^"), mark.lastIndexOf("^") + 1)).toBe("WRONG");
  });

  test("lets no control character of a file reach the terminal", () => {
    const hostile = "\u001b[31m\u0007\u009b";
    const shown = renderProblem({ ...problem, message: hostile }, `\na${hostile}\tb\r\n`, view);
    expect(shown.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});
