import type { Gpus } from "../../../model/gpus.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import { shortAddress } from "./gpus.ts";
import type { Driver, Gpu, MigDevice } from "./model.ts";
import { satisfies } from "./versions.ts";

/** What only the driver's own tool tells of a GPU, by UUID or PCI address. */
export interface Details {
  /** Bytes. */
  readonly memory: number | null;
  readonly compute: string | null;
  /** UUIDs of its MIG devices, in their order. */
  readonly mig: readonly string[];
}

/** A GPU, or a part of one. */
export interface Chosen {
  readonly gpu: Gpu;
  /** Null: the whole. */
  readonly mig: MigDevice | null;
}

export interface Choice {
  readonly driver: Driver;
  readonly details: ReadonlyMap<string, Details>;
  /** Keys of GPUs that others use. */
  readonly used: ReadonlySet<string>;
  /** Keys of GPUs that this environment has already: it keeps them. */
  readonly own: ReadonlySet<string>;
}

export interface Refusal {
  readonly code: "gpu-unknown" | "gpu-excluded" | "gpu-unsuitable" | "gpus-too-few";
  readonly message: string;
  readonly hint: string;
}

/** By what a GPU is known between two looks: its UUID, or its address before it was ever opened. */
export const keyOf = ({ gpu, mig }: Chosen): string =>
  `${gpu.uuid ?? gpu.busId}${mig === null ? "" : `/${mig.gpuInstance}/${mig.computeInstance}`}`;

/** The GPUs that are wanted, in the order of their indexes; or which one failed what. */
export function select(wanted: Gpus, choice: Choice): Result<readonly Chosen[], Refusal> {
  const { want } = wanted;
  const usable = choice.driver.gpus.filter((gpu) => !gpu.excluded);
  if (typeof want === "object") return named(want, wanted, choice);
  const all = usable.flatMap(wholeOrParts);
  const judged = all.map((chosen) => ({ chosen, against: unsuitable(chosen, wanted, choice) }));
  const fitting = judged.filter(({ against }) => against === null).map(({ chosen }) => chosen);
  const asked = want === "all" ? 1 : want;
  if (fitting.length < asked) {
    const reasons = judged.flatMap(({ against }) => (against === null ? [] : [against]));
    return failure({
      code: "gpus-too-few",
      message: `${count(asked)} wanted, ${fitting.length} of ${all.length} fit${reasons.length > 0 ? `: ${reasons.join("; ")}` : ""}`,
      hint: "ask for less, or write optional: true to go on without",
    });
  }
  if (want === "all") return success(fitting);
  const rank = (chosen: Chosen) => {
    const key = keyOf(chosen);
    return choice.own.has(key) ? 0 : choice.used.has(key) ? 2 : 1;
  };
  const free = fitting.toSorted((left, right) => rank(left) - rank(right));
  return success(inOrder(free.slice(0, want)));
}

function named(names: readonly string[], wanted: Gpus, choice: Choice): Result<readonly Chosen[], Refusal> {
  const found: Chosen[] = [];
  for (const name of names) {
    const matches = byName(name, choice);
    if (matches.length === 0) return failure(unknown(name, choice.driver));
    const gpus = new Set(matches.map(({ gpu }) => gpu.index));
    if (gpus.size > 1)
      return failure({
        code: "gpu-unknown",
        message: `${name} is the beginning of ${gpus.size} GPUs' UUIDs`,
        hint: "write more of it",
      });
    const gone = matches.find(({ gpu }) => gpu.excluded);
    if (gone !== undefined)
      return failure({
        code: "gpu-excluded",
        message: `GPU ${name} is excluded: the administrator took it out of service`,
        hint: `choose another one; \`pavlos gpu\` lists them`,
      });
    for (const chosen of matches) {
      const against = unsuitable(chosen, wanted, choice);
      if (against !== null)
        return failure({
          code: "gpu-unsuitable",
          message: against,
          hint: "choose another GPU, or change the requirement",
        });
    }
    found.push(...matches);
  }
  return success(inOrder([...new Map(found.map((chosen) => [keyOf(chosen), chosen])).values()]));
}

function byName(name: string, { driver, details }: Choice): readonly Chosen[] {
  const { gpus } = driver;
  const [, index, part] = /^(\d+)(?::(\d+))?$/.exec(name) ?? [];
  if (part !== undefined)
    return gpus
      .filter((gpu) => gpu.index === Number(index))
      .flatMap(wholeOrParts)
      .filter(({ mig }) => mig?.index === Number(part));
  if (index !== undefined) return gpus.filter((gpu) => gpu.index === Number(index)).flatMap(wholeOrParts);
  if (/^MIG-/i.test(name))
    return gpus.flatMap((gpu) => {
      const uuids = details.get(gpu.uuid ?? gpu.busId)?.mig ?? [];
      return wholeOrParts(gpu).filter(({ mig }) => mig !== null && uuids[mig.index]?.startsWith(name));
    });
  if (/^GPU-/i.test(name))
    return gpus
      .filter(({ uuid }) => uuid?.toLowerCase().startsWith(name.toLowerCase()))
      .flatMap(wholeOrParts);
  const address = shortAddress(/^[0-9a-f]+:[0-9a-f]{2}:/i.test(name) ? name : `0000:${name}`);
  return gpus.filter(({ busId }) => busId === address).flatMap(wholeOrParts);
}

/** With MIG a GPU is its parts: as a whole nothing can be computed on it. */
const wholeOrParts = (gpu: Gpu): readonly Chosen[] =>
  gpu.mig === null ? [{ gpu, mig: null }] : gpu.mig.map((mig) => ({ gpu, mig }));

/** Which requirement it fails; null: none. */
function unsuitable({ gpu }: Chosen, wanted: Gpus, { driver, details }: Choice): string | null {
  const known = details.get(gpu.uuid ?? gpu.busId);
  const who = `GPU ${gpu.index} (${gpu.model})`;
  if (wanted.driver !== null && !satisfies(driver.version, wanted.driver))
    return `${who} has driver ${driver.version}, wanted ${wanted.driver}`;
  if (wanted.model !== null && !gpu.model.toLowerCase().includes(wanted.model.toLowerCase()))
    return `${who} is no ${wanted.model}`;
  if (wanted.memory !== null && known?.memory == null)
    return `the memory of ${who} is unknown: nvidia-smi does not tell`;
  if (wanted.memory !== null && (known?.memory ?? 0) < wanted.memory)
    return `${who} has ${mib(known?.memory ?? 0)} of memory, wanted ${mib(wanted.memory)}`;
  if (wanted.compute !== null && known?.compute == null)
    return `the compute capability of ${who} is unknown: nvidia-smi does not tell`;
  if (wanted.compute !== null && !satisfies(known?.compute ?? "0", wanted.compute))
    return `${who} has compute capability ${known?.compute}, wanted ${wanted.compute}`;
  return null;
}

function unknown(name: string, { gpus }: Driver): Refusal {
  const list = gpus.map(({ index, uuid, model }) => `${index} (${uuid ?? "no UUID yet"}, ${model})`);
  return {
    code: "gpu-unknown",
    message: `there is no GPU ${name}`,
    hint: gpus.length === 0 ? "this machine has none" : `there are ${list.join(", ")}`,
  };
}

const inOrder = (list: readonly Chosen[]): readonly Chosen[] =>
  list.toSorted(
    (left, right) => left.gpu.index - right.gpu.index || (left.mig?.index ?? 0) - (right.mig?.index ?? 0),
  );

const count = (number: number): string => (number === 1 ? "1 GPU" : `${number} GPUs`);
const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
