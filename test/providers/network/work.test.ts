import { describe, expect, it } from "vitest";
import { layoutOf } from "../../../src/providers/network/layout.ts";
import { type Interface, linkWork, signatureOf } from "../../../src/providers/network/links.ts";
import { rulesOf } from "../../../src/providers/network/rules.ts";
import type { NetworkRecord } from "../../../src/state/networks.ts";

const layout = layoutOf({ data: "/data", run: "/run" }, "demo-1");
const record: NetworkRecord = {
  version: 1,
  networks: {
    default: { subnet: "10.1.2.0/24", subnet6: "fd00::/64", internal: false, mtu: 1500, bridge: "pvb1" },
    dark: { subnet: "10.1.3.0/24", subnet6: null, internal: true, mtu: 1500, bridge: "pvb2" },
  },
  members: {
    web: {
      links: [{ network: "default", ip: "10.1.2.2", ip6: "fd00::2", veth: "pve1", name: "eth0" }],
      ports: [
        { address: "127.0.0.1", host: 8080, container: 80, count: 1, protocol: "tcp", auto: false },
        { address: null, host: 9000, container: 9000, count: 3, protocol: "udp", auto: false },
      ],
    },
    db: { links: [{ network: "dark", ip: "10.1.3.2", ip6: null, veth: "pve2", name: "eth0" }], ports: [] },
  },
};
const signature = (name: string): string => signatureOf(record, record.members[name]?.links ?? []);
const bridge = (ifname: string, ...addresses: [string, number][]): Interface => ({
  ifname,
  mtu: 1500,
  flags: ["UP"],
  addr_info: addresses.map(([local, prefixlen]) => ({ local, prefixlen })),
});
const veth = (ifname: string, master: string): Interface => ({ ifname, master, mtu: 1500, flags: ["UP"] });
const whole = [
  bridge("pvb1", ["10.1.2.1", 24], ["fd00::1", 64]),
  bridge("pvb2", ["10.1.3.1", 24]),
  veth("pve1", "pvb1"),
  veth("pve2", "pvb2"),
];
const up = new Map([
  ["web", signature("web")],
  ["db", signature("db")],
]);
const work = (interfaces: readonly Interface[], who: ReadonlyMap<string, string | null> = up) =>
  linkWork({ record, layout, up: who, interfaces });

describe("linkWork", () => {
  it("does nothing when all is there", () => {
    expect(work(whole)).toEqual({ remove: [], links: [], fresh: [], bridges: [] });
  });

  it("makes everything from nothing", () => {
    const made = work([], new Map([["web", null]]));
    expect(made.bridges).toEqual(["pvb1"]);
    expect(made.fresh).toEqual(["web"]);
    const pair = { name: "eth0", hardware: "0a:58:0a:01:02:02", namespace: layout.namespace("web") };
    expect(made.links).toEqual([
      { name: "pvb1", make: "bridge", mtu: 1500, addresses: ["10.1.2.1/24", "fd00::1/64"] },
      { name: "pve1", make: { pair }, mtu: 1500, bridge: "pvb1" },
    ]);
  });

  it("makes a link anew that is gone, and one whose addresses are not set up", () => {
    expect(work(whole.filter(({ ifname }) => ifname !== "pve1")).fresh).toEqual(["web"]);
    expect(work(whole, new Map([...up, ["db", null]])).remove).toEqual(["pve2"]);
  });

  it("puts links back on a bridge that is made anew, without touching their namespace", () => {
    const without = whole
      .filter(({ ifname }) => ifname !== "pvb1")
      .map((one) => (one.ifname === "pve1" ? { ifname: "pve1", flags: ["UP"] } : one));
    const made = work(without);
    expect(made.fresh).toEqual([]);
    expect(made.links).toContainEqual({ name: "pve1", bridge: "pvb1" });
  });

  it("removes what nobody wants: links of who stopped, bridges without anybody, strangers on a bridge", () => {
    const { remove } = work(
      [...whole, veth("foreign0", "pvb1"), veth("eth7", "br0")],
      new Map([["web", signature("web")]]),
    );
    expect(remove).toEqual(["pvb2", "pve2", "foreign0"]);
  });
});

describe("rulesOf", () => {
  const rules = (open: readonly string[] = ["web", "db"]) =>
    rulesOf({ table: "pavlos_x", record, open: new Set(open), place: "machine", loopbackDns: null });

  it("replaces its own table as a whole and names no other", () => {
    expect(rules().split("\n").slice(0, 3)).toEqual([
      "table inet pavlos_x",
      "delete table inet pavlos_x",
      "table inet pavlos_x {",
    ]);
    expect(rules().match(/table /g)).toHaveLength(3);
  });

  it("opens ports where they are asked for, and only of who is to run", () => {
    expect(rules()).toContain("meta nfproto ipv4 ip daddr 127.0.0.1 tcp dport 8080 dnat ip to 10.1.2.2:80");
    expect(rules()).toContain("meta nfproto ipv4 udp dport 9000-9002 dnat ip to 10.1.2.2");
    expect(rules()).toContain("meta nfproto ipv6 udp dport 9000-9002 dnat ip6 to fd00::2");
    expect(rules(["db"])).not.toContain("dnat ip to");
  });

  it("lets nothing out of an internal network, before any other rule accepts it", () => {
    const lines = rules()
      .split("\n")
      .map((line) => line.trim());
    expect(lines).toContain('iifname "pvb2" drop');
    expect(lines.indexOf('iifname "pvb2" drop')).toBeLessThan(
      lines.indexOf('oifname "pvb1" ct status dnat accept'),
    );
    expect(rules()).not.toContain("10.1.3.0/24 oifname");
  });
});
