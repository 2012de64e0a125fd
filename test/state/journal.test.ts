import { describe, expect, it } from "vitest";
import { openJournal, unfinishedOf } from "../../src/state/journal.ts";
import { memoryFiles } from "../host/support/memory-files.ts";

describe("the journal", () => {
  const open = () => {
    const files = memoryFiles();
    files.makeDirectory("/p", 0o700);
    return { files, journal: openJournal(files, "/p/journal.jsonl", () => new Date("2026-11-23T10:00:00Z")) };
  };

  it("knows which step of each environment did not come to its end", () => {
    const { journal } = open();
    journal.intend("web", "create");
    journal.finish("web", "create", null);
    journal.intend("web", "start");
    journal.intend("db", "stop");
    journal.finish("db", "stop", "it does not stop");
    expect([...journal.unfinished()]).toEqual([["web", "start"]]);
  });

  it("takes a line that was cut off as never begun", () => {
    const { files, journal } = open();
    journal.intend("web", "create");
    journal.intend("db", "create");
    const text = files.readText("/p/journal.jsonl") ?? "";
    expect([...unfinishedOf(text.slice(0, -10)).keys()]).toEqual(["web"]);
  });

  it("is empty when it does not exist, and after it was cleared", () => {
    const { files, journal } = open();
    expect(journal.unfinished().size).toBe(0);
    journal.intend("web", "create");
    journal.clear();
    expect(files.readText("/p/journal.jsonl")).toBe("");
  });
});
