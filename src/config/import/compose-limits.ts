import { type At, children, type Draft, eachKey, items, keyed, lose, push, put, textOf } from "./findings.ts";
import { size } from "./words.ts";

export function bytes(draft: Draft, at: At, to: string): undefined {
  const value = size(textOf(at) ?? "");
  if (value === null) lose(draft, at, "not a size that can be understood");
  else put(draft, at, to, value);
}

export function number(draft: Draft, at: At, to: string): undefined {
  const value = Number(textOf(at));
  if (Number.isNaN(value) || value <= 0) lose(draft, at, "no limit: that is the default");
  else put(draft, at, to, value);
}

/** 1024 is the usual share; as a weight that is 100. */
export function shares(draft: Draft, at: At): undefined {
  const weight = Math.min(10_000, Math.max(1, Math.round((Number(textOf(at)) * 100) / 1024)));
  put(draft, at, "resources.cpuWeight", weight, "shares of 1024 become a weight of 100");
}

export function ulimits(draft: Draft, at: At): undefined {
  const limit = (text: string | null): number | "unlimited" => (text === "-1" ? "unlimited" : Number(text));
  for (const [name, child] of children(at)) {
    const fields = new Map(children(child));
    const [soft, hard] = [fields.get("soft"), fields.get("hard")];
    const to = keyed("resources.ulimits", name);
    if (soft !== undefined && hard !== undefined)
      put(draft, child, to, { soft: limit(textOf(soft)), hard: limit(textOf(hard)) });
    else put(draft, child, to, limit(textOf(child)));
  }
}

export function blockIo(draft: Draft, at: At): undefined {
  const rates = (field: string, isBytes: "bytes" | "operations") => (rate: At) => {
    for (const item of items(rate)) {
      const fields = new Map(children(item));
      const [path, value] = ["path", "rate"].map((key) => {
        const found = fields.get(key);
        return found === undefined ? null : textOf(found);
      });
      const limit = isBytes === "bytes" ? size(value ?? "") : Number(value);
      if (path == null || limit === null) lose(draft, item, "needs a path and a rate");
      else put(draft, item, `resources.io.devices.${path}.${field}`, limit);
    }
  };
  eachKey(draft, at, {
    weight: (weight) =>
      put(draft, weight, "resources.io.weight", Number(textOf(weight)), "10 to 1000 there, 1 to 10000 here"),
    device_read_bps: rates("readBps", "bytes"),
    device_write_bps: rates("writeBps", "bytes"),
    device_read_iops: rates("readIops", "operations"),
    device_write_iops: rates("writeIops", "operations"),
  });
}

/** `deploy`: the limits, restarts and GPUs of a single machine. */
export function deploy(draft: Draft, at: At, restart: (at: At) => void): undefined {
  const limits = (limit: At) =>
    eachKey(draft, limit, {
      cpus: (value) => number(draft, value, "resources.cpus"),
      memory: (value) => bytes(draft, value, "resources.memory"),
      pids: (value) => number(draft, value, "resources.pids"),
    });
  const reservations = (reservation: At) =>
    eachKey(
      draft,
      reservation,
      { devices: (value) => gpuDevices(draft, value) },
      () => "nothing is reserved here",
    );
  eachKey(
    draft,
    at,
    {
      resources: (value) => eachKey(draft, value, { limits, reservations }),
      restart_policy: restart,
      replicas: (value) =>
        lose(
          draft,
          value,
          textOf(value) === "1" ? "one is what there is" : "one environment is one container",
        ),
    },
    () => "belongs to a cluster",
  );
}

/** `gpus` and reservations of devices. */
export function gpuDevices(draft: Draft, at: At): undefined {
  if (textOf(at) === "all") return put(draft, at, "gpus", "all");
  for (const item of items(at)) {
    const fields = new Map(children(item));
    const [count, ids, driver] = ["count", "device_ids", "driver"].map((key) => fields.get(key));
    if (driver !== undefined && textOf(driver) !== "nvidia")
      lose(draft, item, `only NVIDIA's GPUs are attached`);
    else if (ids !== undefined)
      put(
        draft,
        item,
        "gpus",
        items(ids).map((id) => gpuId(textOf(id) ?? "")),
      );
    else {
      const amount = count === undefined ? null : textOf(count);
      put(
        draft,
        item,
        "gpus",
        amount === null || amount === "all" || amount === "-1" ? "all" : Number(amount),
      );
    }
  }
}

const gpuId = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);

export function devices(draft: Draft, at: At): undefined {
  for (const item of items(at)) {
    const [source = "", target = source, mode] = (textOf(item) ?? "").split(":");
    const notes = [
      target === source ? "" : `it is ${source} inside too`,
      mode === undefined || mode === "rwm" ? "" : `all of rwm instead of ${mode}`,
    ];
    push(draft, item, "devices", source, notes.filter(Boolean).join("; ") || null);
  }
}
