import { type Check, failed, ok, warning } from "./check.ts";

/** openat2, the new mount calls, idmapped mounts and overlay without root have all come by then. */
const oldest = [5, 12] as const;

export const kernel: Check = ({ facts }) => {
  const [major = 0, minor = 0] = facts.kernel.split(".").map(Number);
  const enough = major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
  if (enough) return ok("kernel", `Linux ${facts.kernel}`);
  return failed(
    "kernel",
    `Linux ${facts.kernel} is older than ${oldest.join(".")}`,
    "boot a newer kernel; on Debian: sudo apt-get install linux-image-amd64, then reboot",
  );
};

export const overlay: Check = ({ facts, read }) => {
  const name = "overlay";
  if (/\boverlay$/m.test(read("/proc/filesystems") ?? "")) return ok(name, "the kernel has overlayfs");
  // The kernel loads it for the first mount, also for one in a user's own namespace.
  const modules = read(`/lib/modules/${facts.kernel}/modules.dep`) ?? "";
  const closed = read("/proc/sys/kernel/modules_disabled")?.trim() === "1";
  if (!closed && /\/overlay\.ko(\.\w+)?:/.test(modules))
    return ok(name, "the overlay module is loaded when it is needed");
  return failed(
    name,
    "overlayfs is not loaded",
    "sudo modprobe overlay && echo overlay | sudo tee /etc/modules-load.d/overlay.conf",
  );
};

export const seccomp: Check = ({ read }) => {
  const actions = read("/proc/sys/kernel/seccomp/actions_avail");
  if (actions?.includes("errno")) return ok("seccomp", "system calls can be filtered");
  return warning(
    "seccomp",
    "this kernel cannot filter system calls",
    "boot a kernel with CONFIG_SECCOMP_FILTER, or write `security: {seccomp: unconfined}` in the environment",
  );
};
