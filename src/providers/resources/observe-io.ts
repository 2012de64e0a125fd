import type { Io, IoLimits } from "../../model/environment.ts";
import { blkioWeight, deviceNumbers } from "./limits.ts";
import type { Reader } from "./observe.ts";

/** Limits of block devices as the kernel has them; the path of a device's limit is in brackets. */
export function readIo(reader: Reader, io: Io | null) {
  if (io === null) return [];
  const weights =
    io.weight === null
      ? []
      : [{ path: "resources.io.weight", wanted: io.weight, live: weight(reader, io.weight) }];
  const limits = Object.entries(io.devices).flatMap(([device, wanted]) =>
    Object.entries(wanted)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => ({
        path: `resources.io.devices[${device}].${name}`,
        wanted: value,
        live: throttle(reader, device, name as keyof IoLimits),
      })),
  );
  return [...weights, ...limits];
}

function weight(reader: Reader, wanted: number): number | undefined {
  const own = reader.v2("io.weight");
  if (own !== null) return Number(/^default (\d+)/m.exec(own)?.[1]);
  const old = reader.v1("blkio", "blkio.weight") ?? reader.v1("blkio", "blkio.bfq.weight");
  if (old === null) return undefined;
  return Number(old) === blkioWeight(wanted) ? wanted : Number(old) * 10;
}

const words: Readonly<Record<keyof IoLimits, { readonly v2: string; readonly v1: string }>> = {
  readBps: { v2: "rbps", v1: "blkio.throttle.read_bps_device" },
  writeBps: { v2: "wbps", v1: "blkio.throttle.write_bps_device" },
  readIops: { v2: "riops", v1: "blkio.throttle.read_iops_device" },
  writeIops: { v2: "wiops", v1: "blkio.throttle.write_iops_device" },
};

/** null: no limit. */
function throttle(reader: Reader, device: string, name: keyof IoLimits): number | null | undefined {
  const numbers = deviceNumbers(device);
  if (numbers === null) return undefined;
  const id = `${numbers.major}:${numbers.minor}`;
  const lineOf = (text: string): string | undefined =>
    text.split("\n").find((line) => line.startsWith(`${id} `));
  const own = reader.v2("io.max");
  if (own !== null) {
    const value = new RegExp(` ${words[name].v2}=(\\S+)`).exec(lineOf(own) ?? "")?.[1] ?? "max";
    return value === "max" ? null : Number(value);
  }
  const old = reader.v1("blkio", words[name].v1);
  if (old === null) return undefined;
  const value = lineOf(old)?.split(" ")[1];
  return value === undefined ? null : Number(value);
}
