import type { Port } from "../model/environment.ts";
import { formatPort } from "../model/port.ts";

/**
 * Values of the canonical Environment as a person writes them: bytes as 256MiB, milliseconds as 10s,
 * a mount as source:target. `path` says what kind of value it is.
 */
export function formatValue(path: string, value: unknown): string {
  if (value === undefined) return "(none)";
  if (value === null) return nullAs(path);
  if (typeof value === "number") return formatNumber(path, value);
  if (path === "rootfs.digest") return shortDigest(String(value));
  if (typeof value === "string") return quoted(path) ? JSON.stringify(value) : value === "" ? '""' : value;
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return formatList(path, value);
  return formatObject(path, value as Readonly<Record<string, unknown>>);
}

/** 268435456 -> 256MiB; the largest unit that divides it, else one decimal. */
export function formatBytes(bytes: number): string {
  const index = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  for (let at = index; at >= 0; at -= 1) {
    const scaled = bytes / 1024 ** at;
    if (Number.isInteger(scaled) && scaled < 10_000) return `${scaled}${units[at]}`;
  }
  return approximateBytes(bytes).replace(" ", "");
}

/** 14680064 -> 14 MiB: for what nobody wrote down exactly. */
export function approximateBytes(bytes: number): string {
  const index = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  const scaled = bytes / 1024 ** index;
  return `${scaled < 10 && index > 0 ? Math.round(scaled * 10) / 10 : Math.round(scaled)} ${units[index]}`;
}

/** 10000 -> 10s, 90000 -> 90s, 300000 -> 5m. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

/** How long ago, in one unit: 45s, 3m, 5h, 2d. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

const bytePaths = /^gpus\.memory$|^resources\.(memory|swap|shm)$|\.(readBps|writeBps)$|^mounts.*\.size$/;
const durationPaths = /(^|\.)(timeout|interval|startPeriod|backoff)$/;

function formatNumber(path: string, value: number): string {
  if (bytePaths.test(path)) return formatBytes(value);
  return durationPaths.test(path) ? formatDuration(value) : String(value);
}

/** What null means depends on the field: no limit, or a default. */
function nullAs(path: string): string {
  if (path === "rootfs.digest") return "not pinned";
  if (path === "gpus") return "(none)";
  return /^resources(\.|$)/.test(path) ? "unlimited" : "default";
}

/** Free text is quoted, so that its ends and its spaces are seen. */
const quoted = (path: string): boolean => /^(command|env|envFile|labels|hooks)(\.|\[|$)/.test(path);

function formatList(path: string, list: readonly unknown[]): string {
  if (list.length === 0) return "(none)";
  if (/^command$|^hooks\.\w+\[\d+\]$/.test(path)) return list.map(shellWord).join(" ");
  return list.map((item, index) => formatValue(`${path}[${index}]`, item)).join(", ");
}

/** As one would type it. */
function shellWord(word: unknown): string {
  const text = String(word);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function formatObject(path: string, value: Readonly<Record<string, unknown>>): string {
  if (path === "rootfs") return formatRootfs(value);
  if (path === "gpus") return formatGpus(value);
  if (/^devices\[\d+\]$/.test(path)) return formatDevice(value);
  if (/^mounts\[\d+\]$/.test(path)) return formatMount(path, value);
  if (/^secrets\.\w+$/.test(path)) return `from ${value.kind} ${value.variable ?? value.path}`;
  if (/^network$/.test(path) && Object.keys(value).length === 1) return String(value.kind);
  if (/^network\.ports\[\d+\]$/.test(path)) return formatPort(value as unknown as Port);
  if (/^network\.networks\[\d+\]$/.test(path)) return formatNetwork(value);
  if ("soft" in value && "hard" in value) return `${value.soft}:${value.hard}`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
  if (entries.length === 0) return "(none)";
  return entries.map(([key, item]) => `${key}: ${formatValue(`${path}.${key}`, item)}`).join(", ");
}

function formatRootfs(value: Readonly<Record<string, unknown>>): string {
  if (value.kind === "path") return `${value.path}${value.mode === "direct" ? " (direct)" : ""}`;
  if (value.kind === "archive") return `${value.archive}`;
  if (value.kind === "image") return formatImage(value);
  return String(value.kind);
}

function formatImage({ image, platform, digest }: Readonly<Record<string, unknown>>): string {
  const pinned = typeof digest === "string" ? shortDigest(digest) : "not pinned";
  return `${shortImage(String(image))} (${platform}, ${pinned})`;
}

/** Docker Hub's own images by their plain name. */
export const shortImage = (image: string): string => image.replace(/^docker\.io\/(library\/)?/, "");

/** As many digits as people compare. */
export const shortDigest = (digest: string): string =>
  digest.replace(/^(sha\d+:[0-9a-f]{12})[0-9a-f]+$/, "$1");
/** What was asked for; the rest only where it is not as always. */
function formatGpus({ want, ...rest }: Readonly<Record<string, unknown>>): string {
  const usual = {
    optional: false,
    exclusive: false,
    mode: "native",
    mask: true,
    capabilities: "compute,utility",
  };
  const notes = Object.entries(rest)
    .filter(([name, value]) => value !== null && String(value) !== String(Reflect.get(usual, name)))
    .map(([name, value]) => (value === true ? name : `${name}: ${formatValue(`gpus.${name}`, value)}`));
  return [Array.isArray(want) ? want.join(", ") : String(want), ...notes].join("; ");
}

function formatDevice({ kind, name, source, target, access }: Readonly<Record<string, unknown>>): string {
  if (kind === "cdi") return String(name);
  return `${source}${source === target ? "" : `:${target}`}${access === "rw" ? "" : ` (${access})`}`;
}

function formatMount(path: string, value: Readonly<Record<string, unknown>>): string {
  const size =
    value.type === "tmpfs" && typeof value.size === "number" ? formatValue(`${path}.size`, value.size) : "";
  const source = value.type === "tmpfs" ? "tmpfs" : value.source;
  const notes = [value.readonly === true ? "read-only" : "", size].filter((note) => note !== "");
  return `${source}:${value.target}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`;
}

function formatNetwork(value: Readonly<Record<string, unknown>>): string {
  const notes = [value.subnet, value.subnet6, value.internal === true ? "internal" : null];
  const said = notes.filter((note) => typeof note === "string");
  return `${value.name}${said.length > 0 ? ` (${said.join(", ")})` : ""}`;
}
