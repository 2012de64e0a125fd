/** A value that differs, with its path: "resources.memory", "command[1]". */
export interface Difference {
  readonly path: string;
  /** undefined: is not there. */
  readonly from: unknown;
  readonly to: unknown;
  /** Where the wanted value stands in the file format, when `path` does not say it: "mounts[2]". */
  readonly written?: string;
}

/** All fields in which two canonical values differ, as far down as a person would name them. */
export function differences(from: unknown, to: unknown, path = ""): readonly Difference[] {
  if (same(from, to)) return [];
  if (path === "mounts" && Array.isArray(from) && Array.isArray(to)) return mountDifferences(from, to);
  if (path === "command" && Array.isArray(from) && Array.isArray(to) && from.length === to.length)
    return from.flatMap((item, index) => differences(item, to[index], `${path}[${index}]`));
  if (isObject(from) && isObject(to) && from.kind === to.kind) {
    const keys = new Set([...Object.keys(to), ...Object.keys(from)]);
    return [...keys].flatMap((key) => differences(from[key], to[key], path === "" ? key : `${path}.${key}`));
  }
  return [{ path, from, to }];
}

/** Deep equality of plain data; the order of keys does not matter, that of lists does. */
export function same(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => same(item, right[index]));
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => key in right && same(left[key], right[key]))
  );
}

/** The value at a path such as "security.capabilities.add" or "command[1]"; undefined: not there. */
export function valueAt(value: unknown, path: string): unknown {
  let current = value;
  for (const step of path.split(/[.[\]]+/).filter((part) => part !== "")) {
    if (typeof current !== "object" || current === null) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

/** The longest of "a.b[0]", "a.b", "a", "" that `find` knows. */
export function byLongestPrefix<T>(path: string, find: (prefix: string) => T | undefined): T | undefined {
  for (let prefix = path; ; ) {
    const found = find(prefix);
    if (found !== undefined || prefix === "") return found;
    prefix = prefix.slice(0, Math.max(prefix.lastIndexOf("."), prefix.lastIndexOf("["), 0));
  }
}

/** A mount is known by its target; one that only changed place in the list changes the order. */
function mountDifferences(from: readonly unknown[], to: readonly unknown[]): readonly Difference[] {
  const found: Difference[] = [];
  const before = new Map(from.map((mount) => [valueAt(mount, "target"), mount]));
  for (const [index, mount] of to.entries()) {
    const target = valueAt(mount, "target");
    const old = before.get(target);
    before.delete(target);
    if (!same(old, mount)) found.push({ path: "mounts", from: old, to: mount, written: `mounts[${index}]` });
  }
  for (const mount of before.values()) found.push({ path: "mounts", from: mount, to: undefined });
  return found.length > 0 ? found : [{ path: "mounts", from, to }];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
