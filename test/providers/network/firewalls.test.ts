import { describe, expect, it } from "vitest";
import { blockersIn, legacyBlockersIn } from "../../../src/providers/network/firewalls.ts";

const table = (head: string, ...chains: readonly string[]) =>
  `table ${head} {\n${chains.map((chain) => `\tchain ${chain}\n\t}\n`).join("\n")}}\n`;
const forward = (policy: string, ...rules: readonly string[]) =>
  `FORWARD {\n\t\ttype filter hook forward priority filter; policy ${policy};${rules.map((rule) => `\n\t\t${rule}`).join("")}`;
const docker = (...rules: readonly string[]) =>
  table(
    "ip filter",
    `DOCKER-USER {\n${rules.map((rule) => `\t\t${rule}\n`).join("")}\t\tcounter return`,
    forward("drop", "counter jump DOCKER-USER"),
  );

describe("other firewalls", () => {
  it("are named with the commands that let Pavlos's bridges through", () => {
    expect(blockersIn(docker())).toEqual([
      {
        where: "chain FORWARD of the table ip filter",
        whose: "docker",
        fix: "sudo iptables -I DOCKER-USER -i 'pvb+' -j ACCEPT && sudo iptables -I DOCKER-USER -o 'pvb+' -j ACCEPT",
      },
    ]);
    const rejecting = table(
      "inet firewalld",
      forward("accept", 'iifname "lo" accept', "reject with icmpx admin-prohibited"),
    );
    expect(blockersIn(`${rejecting}${table("ip6 filter", "ufw6-user {", forward("drop"))}`)).toMatchObject([
      {
        whose: "firewalld",
        fix: `sudo nft 'insert rule inet firewalld FORWARD iifname "pvb*" accept' && sudo nft 'insert rule inet firewalld FORWARD oifname "pvb*" accept'`,
      },
      { whose: "ufw", where: "chain FORWARD of the table ip6 filter" },
    ]);
    expect(legacyBlockersIn("-P INPUT ACCEPT\n-P FORWARD DROP\n-N DOCKER-USER\n")).toMatchObject([
      { whose: "docker", fix: expect.stringContaining("sudo iptables-legacy -I DOCKER-USER -i 'pvb+'") },
    ]);
  });

  it("are in nobody's way when they accept, when they know the bridges, and when they are Pavlos's", () => {
    expect(blockersIn(docker('iifname "pvb*" counter accept', 'oifname "pvb*" counter accept'))).toEqual([]);
    expect(blockersIn(table("ip filter", forward("accept", 'oifname "x" drop')))).toEqual([]);
    expect(blockersIn(table("inet pavlos_1", forward("accept", "drop")))).toEqual([]);
    expect(
      blockersIn(table("ip filter", "INPUT {\n\t\ttype filter hook input priority filter; policy drop;")),
    ).toEqual([]);
    expect(legacyBlockersIn("-P FORWARD ACCEPT\n")).toEqual([]);
    expect(legacyBlockersIn("-P FORWARD DROP\n-A DOCKER-USER -i pvb+ -j ACCEPT\n")).toEqual([]);
  });
});
