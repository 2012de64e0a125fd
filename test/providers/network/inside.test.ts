import { expect, it } from "vitest";
import { brokenInside } from "../../../src/providers/network/inside.ts";
import type { NetworkRecord } from "../../../src/state/networks.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";

const record = {
  networks: { default: { internal: false } },
  members: { web: { links: [{ network: "default", name: "eth0", ip: "10.1.0.2", ip6: "fd00::2" }] } },
} as unknown as NetworkRecord;

const whole = {
  fib_trie: "Local:\n     |-- 10.1.0.2\n        /32 host LOCAL\n",
  if_inet6: "fd000000000000000000000000000002 04 40 00 82     eth0\n",
  route: "Iface\tDestination\tGateway\neth0\t00000000\t0100010A\n",
};

function broken(changed: Partial<typeof whole>): string | null {
  const files = memoryFiles();
  files.makeDirectory("/proc/7/net", 0o755);
  for (const [name, text] of Object.entries({ ...whole, ...changed }))
    files.replace(`/proc/7/net/${name}`, text);
  return brokenInside(files, 7, { name: "web", record });
}

it("names the address or the way out that an environment has lost inside", () => {
  expect(broken({})).toBeNull();
  expect(broken({ fib_trie: "Local:\n     |-- 10.1.0.20\n        /32 host LOCAL\n" })).toContain(
    "10.1.0.2 on",
  );
  expect(broken({ if_inet6: "" })).toContain("fd00::2 on the network default is gone");
  expect(broken({ route: "eth0\t0000010A\t00000000\n" })).toContain("default route");
  expect(brokenInside(memoryFiles(), 7, { name: "web", record })).toBeNull();
});
