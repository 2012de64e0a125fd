import type { Security } from "../model/environment.ts";
import type { OciCapabilities } from "./oci-runtime.gen.ts";

/**
 * What root in a container may do by default: what installing packages and serving need, nothing
 * that reaches beyond the container. Without NET_RAW and MKNOD, which Docker grants.
 */
export const defaultCapabilities = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
] as const;

/** All that Linux 6.18 knows; pavlosc passes over those that an older kernel lacks. */
export const allCapabilities = [
  ...defaultCapabilities,
  ..."AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE".split(
    " ",
  ),
  ..."LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BROADCAST NET_RAW PERFMON SYSLOG".split(" "),
  ..."SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE".split(" "),
  ..."SYS_TIME SYS_TTY_CONFIG WAKE_ALARM".split(" "),
];

/**
 * The sets of the command. Root has its capabilities; another user holds only those that were added
 * for it by name (ambient, so that they survive an exec) and may reach the rest through nothing
 * but set-user-id programs.
 */
export function capabilitiesOf(security: Security, isRoot: boolean): OciCapabilities {
  const bounding = namesOf(security);
  if (isRoot) return { bounding, effective: bounding, permitted: bounding, inheritable: [], ambient: [] };
  const added = bounding.filter((name) => wants(security.capabilities.add, name));
  return { bounding, effective: added, permitted: added, inheritable: added, ambient: added };
}

function namesOf({ capabilities, privileged }: Security): string[] {
  const all = privileged || capabilities.add.includes("ALL");
  const start: readonly string[] = capabilities.drop.includes("ALL")
    ? []
    : all
      ? allCapabilities
      : defaultCapabilities;
  const names = new Set([...start, ...capabilities.add.filter((name) => name !== "ALL")]);
  for (const name of capabilities.drop) names.delete(name);
  return [...names].sort().map((name) => `CAP_${name}`);
}

const wants = (added: readonly string[], name: string): boolean => added.some((one) => `CAP_${one}` === name);
