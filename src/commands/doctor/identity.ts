import { type Check, failed, type Machine, ok, warning } from "./check.ts";

export const userNamespaces: Check = (machine) => {
  const name = "user namespaces";
  const { facts, read, tryNamespace } = machine;
  if (facts.caller.uid === 0) return ok(name, "not needed: root makes containers without them");
  if (read("/proc/sys/kernel/unprivileged_userns_clone")?.trim() === "0")
    return failed(
      name,
      "kernel.unprivileged_userns_clone is 0: only root may make them",
      "echo kernel.unprivileged_userns_clone=1 | sudo tee /etc/sysctl.d/60-userns.conf && sudo sysctl --system",
    );
  if (read("/proc/sys/user/max_user_namespaces")?.trim() === "0")
    return failed(
      name,
      "user.max_user_namespaces is 0: nobody may make them",
      "echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-userns.conf && sudo sysctl --system",
    );
  const reason = tryNamespace();
  if (reason === null) return ok(name, "this user can make them");
  if (read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")?.trim() === "1")
    return failed(name, `AppArmor keeps unknown programs from making them: ${reason}`, appArmorFix(machine));
  return failed(
    name,
    `making one failed: ${reason}`,
    "look at the reason; in a container, its engine has to allow user namespaces",
  );
};

/** Ubuntu since 23.10: a program needs a profile that says that it may. */
function appArmorFix({ runtime }: Machine): string {
  const path = "path" in runtime ? runtime.path : "/path/to/pavlosc";
  return [
    "sudo tee /etc/apparmor.d/pavlosc >/dev/null <<'END'",
    "abi <abi/4.0>,",
    "include <tunables/global>",
    `profile pavlosc ${path} flags=(unconfined) {`,
    "  userns,",
    "  include if exists <local/pavlosc>",
    "}",
    "END",
    "sudo apparmor_parser -r /etc/apparmor.d/pavlosc",
  ].join("\n");
}

export const subordinateIds: Check = ({ facts: { caller } }) => {
  const name = "subordinate ids";
  if (caller.uid === 0) return ok(name, "not needed: root has all ids");
  const effect = "environments then know only your own id: a package manager inside will not work";
  const add = `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${caller.name}`;
  if (caller.subuids.length === 0 || caller.subgids.length === 0) {
    const file = caller.subuids.length === 0 ? "/etc/subuid" : "/etc/subgid";
    return warning(
      name,
      `${caller.name} has none in ${file}; ${effect}`,
      `${add} (a range that nobody has yet)`,
    );
  }
  if (!caller.mapHelpers)
    return warning(
      name,
      `newuidmap and newgidmap are not installed; ${effect}`,
      "sudo apt-get install uidmap (Fedora: sudo dnf install shadow-utils)",
    );
  const count = caller.subuids.reduce((sum, range) => sum + range.count, 0);
  return ok(name, `${caller.name} has ${count} more ids`);
};

/** What the kernel does not allow without root, said before it surprises. */
export const hostRoot: Check = ({ facts }) => {
  const name = "host root";
  if (facts.caller.uid === 0) return ok(name, "environments on the host's root are writable everywhere");
  return ok(
    name,
    "writable in home, project, /tmp, /var/tmp and /run; files of other owners can be read, not changed (for all of them: rootfs.archive or rootfs.path)",
  );
};
