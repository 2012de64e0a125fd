import type { OciDeviceRule } from "./oci-runtime.gen.ts";

/** Parts of /proc and /sys that tell about or change the machine: nobody inside sees them. */
export const maskedSystemPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

export const readonlySystemPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Nothing but the devices that every container has. */
export const deviceRules: OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  ...[3, 5, 7, 8, 9].map(
    (minor): OciDeviceRule => ({ allow: true, type: "c", major: 1, minor, access: "rwm" }),
  ),
  // tty, console, ptmx and all pseudo-terminals.
  ...[0, 1, 2].map((minor): OciDeviceRule => ({ allow: true, type: "c", major: 5, minor, access: "rwm" })),
  { allow: true, type: "c", major: 136, access: "rwm" },
];

/** For privileged containers. */
export const everyDevice: OciDeviceRule[] = [{ allow: true, type: "a", access: "rwm" }];
