import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { CdiDevice, CdiEdits } from "../../../oci/cdi.gen.ts";
import type { Spec, Specs } from "./read.ts";

/** A device, found: the edits of its file, which count once, and its own. */
export interface FoundDevice {
  readonly name: string;
  readonly file: string;
  readonly common: CdiEdits;
  readonly own: CdiEdits;
}

export interface CdiRefusal {
  readonly code: "cdi-unknown" | "cdi-conflict";
  readonly message: string;
  readonly hint: string;
}

/** Finds devices by their full names, such as amd.com/gpu=all. */
export function findDevices(
  { specs, problems }: Specs,
  names: readonly string[],
): Result<readonly FoundDevice[], CdiRefusal> {
  const found: FoundDevice[] = [];
  for (const name of names) {
    const [kind, device] = splitName(name);
    const candidates = specs
      .filter((spec) => spec.cdi.kind === kind)
      .flatMap((spec) =>
        spec.cdi.devices.filter((one) => one.name === device).map((one) => ({ spec, device: one })),
      );
    const highest = Math.max(...candidates.map(({ spec }) => spec.priority));
    const winners = candidates.filter(({ spec }) => spec.priority === highest);
    const [winner, rival] = winners;
    if (winner === undefined) return failure(unknown(name, specs, problems));
    if (rival !== undefined)
      return failure({
        code: "cdi-conflict",
        message: `${name} is in ${winner.spec.file} and in ${rival.spec.file}`,
        hint: "remove one of the two files",
      });
    found.push(asFound(name, winner.spec, winner.device));
  }
  return success(found);
}

/** All names that there are, sorted. */
export const namesIn = (specs: readonly Spec[]): readonly string[] =>
  [...new Set(specs.flatMap(({ cdi }) => cdi.devices.map(({ name }) => `${cdi.kind}=${name}`)))].sort();

const asFound = (name: string, spec: Spec, device: CdiDevice): FoundDevice => ({
  name,
  file: spec.file,
  common: spec.cdi.containerEdits ?? {},
  own: device.containerEdits,
});

function splitName(name: string): readonly [string, string] {
  const at = name.indexOf("=");
  return [name.slice(0, at), name.slice(at + 1)];
}

function unknown(name: string, specs: readonly Spec[], problems: readonly Problem[]): CdiRefusal {
  const names = namesIn(specs);
  const broken = problems.map(({ message, place }) => `${place?.file ?? ""}:${place?.line ?? 1}: ${message}`);
  return {
    code: "cdi-unknown",
    message: `no CDI file has ${name}${broken.length > 0 ? ` (not read: ${broken.join("; ")})` : ""}`,
    hint: names.length === 0 ? "put its CDI file into /etc/cdi" : `there are ${names.join(", ")}`,
  };
}
