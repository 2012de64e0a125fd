/** An internet address as a number; IPv4-mapped forms are not told apart. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Subnet {
  readonly family: 4 | 6;
  /** Its first address. */
  readonly base: bigint;
  readonly prefix: number;
}

/** "10.1.2.3" or "fd00::1"; null: neither. */
export function parseAddress(text: string): Address | null {
  const value = text.includes(":") ? parse6(text) : parse4(text);
  return value === null ? null : { family: text.includes(":") ? 6 : 4, value };
}

export function formatAddress({ family, value }: Address): string {
  return family === 4 ? format4(value) : format6(value);
}

/** "10.1.2.0/24"; bits behind the prefix are an error unless they are to be cut. Null: no subnet. */
export function parseSubnet(text: string, host: "refused" | "cut" = "refused"): Subnet | null {
  const [written = "", length = "", ...rest] = text.split("/");
  const address = parseAddress(written);
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (address === null || rest.length > 0 || prefix < 0 || prefix > bits(address.family)) return null;
  const base = (address.value >> hostBits(address.family, prefix)) << hostBits(address.family, prefix);
  return host === "refused" && base !== address.value ? null : { family: address.family, base, prefix };
}

export const formatSubnet = ({ family, base, prefix }: Subnet): string =>
  `${formatAddress({ family, value: base })}/${prefix}`;

/** The subnet of that length around an address. */
export function subnetAround({ family, value }: Address, prefix: number): Subnet {
  const shift = hostBits(family, prefix);
  return { family, base: (value >> shift) << shift, prefix };
}

/** How many addresses it has, the first and the last included. */
export const sizeOf = ({ family, prefix }: Subnet): bigint => 1n << hostBits(family, prefix);

export const isIn = (address: Address, { family, base, prefix }: Subnet): boolean =>
  address.family === family && address.value >> hostBits(family, prefix) === base >> hostBits(family, prefix);

export function overlap(left: Subnet, right: Subnet): boolean {
  const wider = left.prefix < right.prefix ? left : right;
  const other = wider === left ? right : left;
  return isIn({ family: other.family, value: other.base }, wider);
}

/** May a machine have this address there? The first names the subnet; of IPv4 the last is broadcast. */
export function isForHosts(address: Address, subnet: Subnet): boolean {
  const last = subnet.base + sizeOf(subnet) - 1n;
  return (
    isIn(address, subnet) && address.value !== subnet.base && (subnet.family === 6 || address.value !== last)
  );
}

const bits = (family: 4 | 6): number => (family === 4 ? 32 : 128);
const hostBits = (family: 4 | 6, prefix: number): bigint => BigInt(bits(family) - prefix);

function parse4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parse6(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const format4 = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");

/** The longest row of zeros becomes `::`. */
function format6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16),
  );
  const runs = [...groups.join(":").matchAll(/\b0(?::0\b)+/g)].map((match) => match[0]);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return groups.join(":");
  return groups.join(":").replace(new RegExp(`(^|:)${longest}(:|$)`), "::");
}
