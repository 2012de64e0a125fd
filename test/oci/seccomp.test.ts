import { describe, expect, test } from "vitest";
import { capabilitiesOf } from "../../src/oci/capabilities.ts";
import { defaultSeccomp } from "../../src/oci/seccomp.ts";

const security = {
  capabilities: { add: [] as string[], drop: [] as string[] },
  seccomp: "default",
  noNewPrivileges: true,
  masks: true,
  privileged: false,
};

function rulesFor(add: string[], call: string): unknown[] {
  const { bounding } = capabilitiesOf({ ...security, capabilities: { add, drop: [] } }, true);
  const { syscalls } = defaultSeccomp(bounding ?? []);
  const rules = syscalls as { names: string[] }[];
  return rules.filter(({ names }) => names.includes(call));
}

describe("the default seccomp profile", () => {
  test("allows clone without namespaces and hides clone3 where SYS_ADMIN is missing", () => {
    expect(rulesFor([], "clone")).toMatchObject([
      { args: [{ op: "SCMP_CMP_MASKED_EQ", value: 0x7e020000 }] },
    ]);
    expect(rulesFor([], "clone3")).toMatchObject([{ action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
    expect(rulesFor([], "mount")).toEqual([]);
  });

  test("opens a capability's calls when it is added", () => {
    expect(rulesFor(["SYS_ADMIN"], "clone")).toEqual([
      expect.not.objectContaining({ args: expect.anything() }),
    ]);
    expect(rulesFor(["SYS_ADMIN"], "mount")).toMatchObject([{ action: "SCMP_ACT_ALLOW" }]);
    expect(rulesFor(["SYS_TIME"], "clock_settime")).toMatchObject([{ action: "SCMP_ACT_ALLOW" }]);
  });
});
