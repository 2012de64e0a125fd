import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultSeccomp } from "../src/oci/seccomp.ts";

const capabilities = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"];
const masked = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/**
 * Writes an OCI bundle that every runtime runs as it is: all namespaces, the default seccomp
 * profile, masks, a cgroup; its command is the payload with `args`. Returns the directory.
 */
export function writeBundle(directory: string, payload: string, args: readonly string[] = []): string {
  const root = join(directory, "rootfs");
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "etc"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(payload, join(root, "bin/payload"));
  writeFileSync(join(directory, "config.json"), JSON.stringify(config(args), null, 2));
  return directory;
}

function config(args: readonly string[]): object {
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/payload", ...args],
      env: ["PATH=/bin"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "bench",
    mounts: mounts(),
    linux: {
      namespaces: ["pid", "mount", "uts", "ipc", "cgroup", "network"].map((type) => ({ type })),
      maskedPaths: masked,
      readonlyPaths,
      seccomp: defaultSeccomp(capabilities),
    },
  };
}

function mounts(): object[] {
  return [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance"],
    },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "nodev", "noexec", "size=65536k"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  ];
}
