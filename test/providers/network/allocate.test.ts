import { describe, expect, it } from "vitest";
import { parseSubnet, type Subnet } from "../../../src/host/addresses.ts";
import type { NetworkDefinition, OwnNetwork } from "../../../src/model/environment.ts";
import { allocate, type Member, type Surroundings } from "../../../src/providers/network/allocate.ts";
import { layoutOf } from "../../../src/providers/network/layout.ts";
import { type NetworkRecord, noNetworks } from "../../../src/state/networks.ts";

const layout = layoutOf({ data: "/data", run: "/run" }, "demo-1");
const definition = (changes: Partial<NetworkDefinition> = {}): NetworkDefinition => ({
  name: "default",
  subnet: null,
  subnet6: null,
  ipv6: true,
  internal: false,
  mtu: null,
  ...changes,
});
const member = (name: string, changes: Partial<OwnNetwork> = {}): Member => ({
  name,
  network: {
    kind: "networks",
    networks: [definition()],
    ip: null,
    ports: [],
    aliases: [],
    dns: [],
    hosts: {},
    ...changes,
  },
});
const empty: Surroundings = { occupied: [], mtu: 1500, ipv6: true, isFree: () => true };

function given(members: readonly Member[], record = noNetworks, around: Partial<Surroundings> = {}) {
  return allocate(members, { record, layout, projectId: "demo-1", around: { ...empty, ...around } });
}

function record(
  members: readonly Member[],
  before = noNetworks,
  around: Partial<Surroundings> = {},
): NetworkRecord {
  const result = given(members, before, around);
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

const ipOf = (from: NetworkRecord, name: string) => from.members[name]?.links[0]?.ip;
const subnet = (text: string): Subnet => parseSubnet(text) as Subnet;

describe("allocate", () => {
  it("keeps what an environment has when others come and go", () => {
    const first = record([member("b"), member("c")]);
    const second = record([member("a"), member("c")], first);
    expect(ipOf(second, "c")).toBe(ipOf(first, "c"));
    expect(ipOf(second, "a")).not.toBe(ipOf(second, "c"));
    expect(second.networks).toEqual(first.networks);
    expect(second.members.b).toBeUndefined();
  });

  it("does not depend on the order of its input", () => {
    const members = [member("a"), member("b", { ip: "10.9.8.7" }), member("c")];
    expect(record(members.toReversed()).networks).toEqual(record(members).networks);
    expect(ipOf(record(members.toReversed()), "b")).toBe("10.9.8.7");
  });

  it("passes over subnets that the machine or other projects use", () => {
    const chosen = record([member("a")]).networks.default?.subnet as string;
    const other = record([member("a")], noNetworks, { occupied: [subnet(chosen)] }).networks.default?.subnet;
    expect(other).not.toBe(chosen);
  });

  it("refuses a given subnet that overlaps, unless it is the one in use already", () => {
    const lab = [member("a", { networks: [definition({ subnet: "10.7.0.0/24" })] })];
    const around = { occupied: [subnet("10.7.0.0/16")] };
    expect(given(lab, noNetworks, around)).toMatchObject({ ok: false, failure: { code: "subnet-overlaps" } });
  });

  it("chooses the subnet around an address that is asked for, and gives it to nobody else", () => {
    const made = record([member("a"), member("box", { ip: "172.16.0.2" }), member("c")]);
    expect(made.networks.default?.subnet).toBe("172.16.0.0/24");
    expect(ipOf(made, "box")).toBe("172.16.0.2");
    expect([ipOf(made, "a"), ipOf(made, "c")]).toEqual(["172.16.0.3", "172.16.0.4"]);
  });

  it("says that an address is outside, or taken", () => {
    const lab = [definition({ subnet: "10.7.0.0/24" })];
    const outside = given([member("a", { networks: lab, ip: "10.8.0.2" })]);
    expect(outside).toMatchObject({ ok: false, failure: { code: "address-outside", path: "network.ip" } });
    const twice = given([
      member("a", { networks: lab, ip: "10.7.0.2" }),
      member("b", { networks: lab, ip: "10.7.0.2" }),
    ]);
    expect(twice).toMatchObject({ ok: false, failure: { code: "address-taken", environment: "b" } });
  });

  it("says that a subnet is full", () => {
    const small = [definition({ subnet: "10.7.0.0/29" })];
    const members = Array.from({ length: 6 }, (_, index) => member(`e${index}`, { networks: small }));
    expect(given(members.slice(0, 5)).ok).toBe(true);
    expect(given(members)).toMatchObject({ ok: false, failure: { code: "no-address" } });
  });

  it("keeps a chosen port, and chooses one that is free", () => {
    const auto = { address: null, host: null, container: 3000, count: 1, protocol: "tcp" as const };
    const members = [member("a", { ports: [auto] }), member("b", { ports: [auto] })];
    const first = record(members);
    const ports = ["a", "b"].map((name) => first.members[name]?.ports[0]?.host);
    expect(new Set(ports).size).toBe(2);
    expect(record(members, first, { isFree: () => false }).members).toEqual(first.members);
    const other = record(members, noNetworks, { isFree: (port) => !ports.includes(port) });
    expect(ports).not.toContain(other.members.a?.ports[0]?.host);
  });
});
