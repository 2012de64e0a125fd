import { describe, expect, it } from "vitest";
import {
  formatAddress,
  formatSubnet,
  isForHosts,
  isIn,
  overlap,
  parseAddress,
  parseSubnet,
  type Subnet,
} from "../../src/host/addresses.ts";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === null) throw new Error(`${text} is no subnet`);
  return parsed;
};
const address = (text: string) => {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
};

describe("addresses", () => {
  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "255.255.255.255",
    "::",
    "::1",
    "fd00::1",
    "1::",
    "1:2:3:4:5:6:7:8",
    "1:0:0:2::3",
  ])("%s is read and written the same", (text) => expect(formatAddress(address(text))).toBe(text));

  it.each(["", "1.2.3", "1.2.3.256", "01.2.3.4", "1::2::3", "1:2:3:4:5:6:7:8:9", "g::", "1:2:3", "a.b.c.d"])(
    "%j is none",
    (text) => expect(parseAddress(text)).toBeNull(),
  );

  it("a subnet begins with its own address", () => {
    expect(formatSubnet(subnet("10.1.2.0/24"))).toBe("10.1.2.0/24");
    expect(parseSubnet("10.1.2.3/24")).toBeNull();
    expect(formatSubnet(parseSubnet("10.1.2.3/24", "cut") as Subnet)).toBe("10.1.2.0/24");
    expect(parseSubnet("10.1.2.0/33")).toBeNull();
    expect(parseSubnet("10.1.2.0")).toBeNull();
  });

  it("subnets overlap when one holds the other", () => {
    expect(overlap(subnet("10.0.0.0/8"), subnet("10.1.2.0/24"))).toBe(true);
    expect(overlap(subnet("10.1.2.0/24"), subnet("0.0.0.0/0"))).toBe(true);
    expect(overlap(subnet("10.1.2.0/24"), subnet("10.1.3.0/24"))).toBe(false);
    expect(overlap(subnet("10.1.2.0/24"), subnet("fd00::/8"))).toBe(false);
  });

  it("the first and of IPv4 the last address are no host's", () => {
    const [four, six] = [subnet("10.1.2.0/30"), subnet("fd00::/126")];
    expect(
      ["10.1.2.0", "10.1.2.1", "10.1.2.2", "10.1.2.3"].map((text) => isForHosts(address(text), four)),
    ).toEqual([false, true, true, false]);
    expect(isForHosts(address("fd00::3"), six)).toBe(true);
    expect(isIn(address("fd00::4"), six)).toBe(false);
  });
});
