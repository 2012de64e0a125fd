import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lastLines, lineReader, parseLogLine, parseSince } from "../../src/commands/logs/lines.ts";
import { followLog, logTexts } from "../../src/host/log-file.ts";

const line = (second: number, text: string, kind = "F", stream = "stdout") =>
  `2026-11-23T10:00:${String(second).padStart(2, "0")}.000000000Z ${stream} ${kind} ${text}\n`;

const all = { count: Number.POSITIVE_INFINITY, since: null };
const texts = (lines: readonly { text: string }[]) => lines.map(({ text }) => text);

describe("a log line", () => {
  it("keeps its text as it is, spaces and all", () => {
    expect(parseLogLine(`${line(1, "  a  b ").trimEnd()} `)).toEqual({
      time: "2026-11-23T10:00:01.000000000Z",
      stream: "stdout",
      text: "  a  b \n",
    });
  });
  it("may be empty", () => expect(parseLogLine(line(1, "").slice(0, -1))?.text).toBe("\n"));
  it("has no newline when it is a piece", () =>
    expect(parseLogLine(line(1, "x", "P").trimEnd())?.text).toBe("x"));
  it("is passed over when it was torn", () => expect(parseLogLine("2026-11-2")).toBeNull());
});

describe("the last lines", () => {
  it("come in order from rotated files", () => {
    expect(
      texts(lastLines([line(3, "c") + line(4, "d"), line(1, "a") + line(2, "b")], { ...all, count: 3 })),
    ).toEqual(["b\n", "c\n", "d\n"]);
  });
  it("are all of them when no number is given", () => {
    expect(lastLines([line(2, "b"), line(1, "a")], all)).toHaveLength(2);
  });
  it("are none when none are asked for", () => {
    expect(lastLines([line(1, "a")], { ...all, count: 0 })).toEqual([]);
  });
  it("do not open an older file without need", () => {
    function* files() {
      yield line(1, "a") + line(2, "b");
      throw new Error("opened");
    }
    expect(texts(lastLines(files(), { ...all, count: 1 }))).toEqual(["b\n"]);
  });
  it("count a long line in pieces once", () => {
    const text = line(1, "a") + line(2, "x", "P") + line(2, "y", "P") + line(2, "z");
    expect(texts(lastLines([text], { ...all, count: 1 })).join("")).toBe("xyz\n");
    expect(texts(lastLines([text], { ...all, count: 2 })).join("")).toBe("a\nxyz\n");
  });
  it("begin at a time", () => {
    expect(
      texts(lastLines([line(1, "a") + line(5, "b")], { ...all, since: "2026-11-23T10:00:03.000Z" })),
    ).toEqual(["b\n"]);
  });
});

it("waits with a line until its end has come", () => {
  const read = lineReader();
  expect(read(line(1, "abc").slice(0, 40))).toEqual([]);
  expect(texts(read(line(1, "abc").slice(40)))).toEqual(["abc\n"]);
});

describe("since", () => {
  const now = new Date("2026-11-23T10:00:00Z");
  it.each([
    ["10m", "2026-11-23T09:50:00.000Z"],
    ["2h", "2026-11-23T08:00:00.000Z"],
    ["1d", "2026-11-22T10:00:00.000Z"],
    ["2026-11-20", "2026-11-20T00:00:00.000Z"],
  ])("understands %s", (text, time) => expect(parseSince(text, now)).toBe(time));
  it.each(["", "yesterday", "10", "5 m"])("does not understand `%s`", (text) =>
    expect(parseSince(text, now)).toBeNull(),
  );
});

describe("a log file", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pavlos-logs-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("is read with its rotated ones, newest first", () => {
    const path = join(directory, "output.log");
    writeFileSync(path, "new");
    writeFileSync(`${path}.1`, "old");
    expect([...logTexts(path)]).toEqual(["new", "old"]);
    expect([...logTexts(join(directory, "none"))]).toEqual([]);
  });

  it("is followed through a rotation without losing a line", async () => {
    const path = join(directory, "output.log");
    writeFileSync(path, "seen");
    const abort = new AbortController();
    let text = "";
    const reading = (async () => {
      for await (const piece of followLog(path, 4, abort.signal)) {
        text += piece;
        if (text.includes("end")) abort.abort();
      }
    })();
    appendFileSync(path, "a");
    await new Promise((resolve) => setTimeout(resolve, 150));
    appendFileSync(path, "b");
    renameSync(path, `${path}.1`);
    appendFileSync(path, "c end");
    await reading;
    expect(text).toBe("abc end");
  });
});
