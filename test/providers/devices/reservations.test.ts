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

it("counts while whoever makes the container lives, and names the holder", () => {
  const place = machine();
  expect(reserve(place, wanted)).toBeNull();
  expect(reservations(place)).toMatchObject([wanted]);
  const conflict = conflictOf(place, { container: "demo-b", gpus: ["GPU-1"], exclusive: false });
  expect(conflict).toMatchObject({ gpu: "GPU-1", holder: { environment: "a" } });
  expect(conflictOf(place, { container: "demo-b", gpus: ["GPU-2"], exclusive: true })).toBeNull();
  expect(conflictOf(place, { ...wanted })).toBeNull();
});

it("is gone with its holder: nobody has to release it", () => {
  const place = machine();
  expect(reserve(place, wanted)).toBeNull();
  place.files.texts.delete(`/proc/${process.pid}/stat`);
  expect(reservations(place)).toEqual([]);
  expect(reserve(place, { ...wanted, container: "demo-b" })).toBeNull();
});
