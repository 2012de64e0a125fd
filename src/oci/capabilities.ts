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

/** All that Linux 6.18 knows, each at the place of its number. */
export const allCapabilities: readonly string[] = [
  ..."CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE".split(" "),
  ..."NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO".split(" "),
  ..."SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME".split(" "),
  ..."SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG".split(" "),
  ..."WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE".split(" "),
];

/**
 * What this process could hand on, from /proc/self/status: root itself may lack some in a container
 * or under systemd's limits.
 */
export function boundingSet(status: string): readonly string[] {
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return allCapabilities.filter((_, number) => (bits >> BigInt(number)) & 1n);
}

/**
 * The sets of the command. Root has its capabilities; another user holds only those that were added
 * for it by name (ambient, so that they survive an exec) and may reach the rest through nothing
 * but set-user-id programs.
 */
export function capabilitiesOf(
  security: Security,
  isRoot: boolean,
  all: readonly string[] = allCapabilities,
): OciCapabilities {
  const bounding = namesOf(security, all);
  if (isRoot) return { bounding, effective: bounding, permitted: bounding, inheritable: [], ambient: [] };
  const added = bounding.filter((name) => wants(security.capabilities.add, name));
  return { bounding, effective: added, permitted: added, inheritable: added, ambient: added };
}

function namesOf({ capabilities, privileged }: Security, every: readonly string[]): string[] {
  const all = privileged || capabilities.add.includes("ALL");
  const start: readonly string[] = capabilities.drop.includes("ALL")
    ? []
    : all
      ? every
      : defaultCapabilities.filter((name) => every.includes(name));
  const names = new Set([...start, ...capabilities.add.filter((name) => name !== "ALL")]);
  for (const name of capabilities.drop) names.delete(name);
  return [...names].sort().map((name) => `CAP_${name}`);
}

const wants = (added: readonly string[], name: string): boolean => added.some((one) => `CAP_${one}` === name);
