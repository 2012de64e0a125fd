import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { conflictOf, reservations, reserve } from "../../../src/providers/devices/reservations.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";

const paths = { data: "/data", run: "/run/x" };
const wanted = { container: "demo-a", project: "demo", environment: "a", gpus: ["GPU-1"], exclusive: true };

/** A machine with these processes: as it is, this one. */
function machine(pids: readonly number[] = [process.pid]) {
  const files = memoryFiles();
  const stat = readFileSync("/proc/self/stat", "utf8");
  for (const pid of pids) files.texts.set(`/proc/${pid}/stat`, stat);
  return { files, paths };
}

it("counts while whoever makes the container lives, and names the holder", async () => {
  const place = machine();
  expect(await reserve(place, wanted)).toBeNull();
  expect(reservations(place)).toMatchObject([wanted]);
  const conflict = conflictOf(place, { container: "demo-b", gpus: ["GPU-1"], exclusive: false });
  expect(conflict).toMatchObject({ gpu: "GPU-1", holder: { environment: "a" } });
  expect(conflictOf(place, { container: "demo-b", gpus: ["GPU-2"], exclusive: true })).toBeNull();
  expect(conflictOf(place, { ...wanted })).toBeNull();
});

it("is gone with its holder: nobody has to release it", async () => {
  const place = machine();
  expect(await reserve(place, wanted)).toBeNull();
  place.files.texts.delete(`/proc/${process.pid}/stat`);
  expect(reservations(place)).toEqual([]);
  expect(await reserve(place, { ...wanted, container: "demo-b" })).toBeNull();
});

it("is given up where another claims the same at the same moment, and what was before counts again", async () => {
  const { files } = machine();
  const rival = { ...wanted, container: "other-b", project: "other", environment: "b" };
  const claims = (reservation: object) =>
    JSON.stringify({ ...reservation, claimer: { pid: process.pid, startTime: startTime(), at: Date.now() } });
  const together = {
    ...files,
    replace(path: string, text: string) {
      files.replace(path, text);
      files.texts.set("/run/x/gpus/other-b.json", claims(rival));
    },
  };
  expect(await reserve({ files: together, paths }, wanted)).toMatchObject({ holder: { environment: "b" } });
  expect(files.readText("/run/x/gpus/demo-a.json")).toBeNull();
  const before = claims({ ...wanted, gpus: ["GPU-2"] });
  files.texts.set("/run/x/gpus/demo-a.json", before);
  expect(await reserve({ files: together, paths }, wanted)).not.toBeNull();
  expect(files.readText("/run/x/gpus/demo-a.json")).toBe(before);
});

const startTime = (): number =>
  Number(
    readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19],
  );
