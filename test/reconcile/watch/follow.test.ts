import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Follower, followedBy, followFiles, isRelevant } from "../../../src/reconcile/watch/follow.ts";

describe("following configuration files", () => {
  let root: string;
  let follower: Follower;
  let events = 0;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "pavlos-follow-"));
    mkdirSync(join(root, "environments"));
    write("environments/web.yaml", "1");
    write("environments/db.yaml", "1");
    write("shared.yaml", "1");
    write("unrelated.txt", "1");
    events = 0;
    follower = await followFiles(() => {
      events += 1;
    });
    follow("environments/web.yaml", "environments/db.yaml");
    await pause(150);
  });
  afterEach(async () => {
    await follower.close();
    rmSync(root, { recursive: true });
  });

  const write = (path: string, text: string): void => writeFileSync(join(root, path), text);
  const follow = (...files: string[]): void =>
    follower.set(
      files.map((file) => join(root, file)),
      [join(root, "environments")],
    );
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  /** Does the work lead to an event within a second? */
  const seen = async (work: () => void): Promise<boolean> => {
    const before = events;
    work();
    for (let waited = 0; waited < 1000 && events === before; waited += 5) await pause(5);
    const found = events > before;
    await pause(120);
    return found;
  };

  it("sees a file that is written in place, again and again", async () => {
    for (const text of ["2", "3", "4"])
      expect(await seen(() => write("environments/web.yaml", text))).toBe(true);
  });

  it("sees a file that is replaced by renaming, again and again", async () => {
    for (const text of ["2", "3", "4"]) {
      const save = (): void => {
        write("environments/.web.yaml.swp", text);
        renameSync(join(root, "environments/.web.yaml.swp"), join(root, "environments/web.yaml"));
      };
      expect(await seen(save)).toBe(true);
    }
  });

  it("sees a file that is removed and comes back", async () => {
    expect(await seen(() => rmSync(join(root, "environments/web.yaml")))).toBe(true);
    expect(await seen(() => write("environments/web.yaml", "5"))).toBe(true);
    expect(await seen(() => write("environments/web.yaml", "6"))).toBe(true);
  });

  it("sees a new file in a directory of environments", async () => {
    expect(await seen(() => write("environments/new.yaml", "1"))).toBe(true);
    expect(await seen(() => write("environments/new.yaml", "2"))).toBe(true);
  });

  it("sees a file that is followed only later, in a directory that was followed before", async () => {
    expect(await seen(() => write("shared.yaml", "2"))).toBe(false);
    follow("environments/web.yaml", "shared.yaml");
    await pause(150);
    expect(await seen(() => write("shared.yaml", "3"))).toBe(true);
  });

  it("sees a directory of environments that is made later", async () => {
    rmSync(join(root, "environments"), { recursive: true });
    await pause(200);
    expect(await seen(() => mkdirSync(join(root, "environments")))).toBe(true);
    expect(await seen(() => write("environments/web.yaml", "2"))).toBe(true);
  });

  it("is silent about files that nobody reads", async () => {
    expect(await seen(() => write("unrelated.txt", "2"))).toBe(false);
  });
});

describe("what counts", () => {
  const followed = followedBy(["/p/.env", "/p/environments/web.yaml"], ["/p/environments"]);
  it.each([
    ["/p/.env", true],
    ["/p/environments/new.yaml", true],
    ["/p/environments", true],
    ["/p/environments/.web.yaml.swp", false],
    ["/p/environments/web.yaml~", false],
    ["/p/environments/4913", false],
    ["/p/other.txt", false],
  ])("%s: %s", (path, relevant) => expect(isRelevant(path, followed)).toBe(relevant));
});
