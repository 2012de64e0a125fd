import { approximateBytes } from "../../ui/values.ts";
import { type Check, failed, ok, warning } from "./check.ts";

const wanted = ["cpu", "memory", "pids"] as const;

export const cgroups: Check = ({ facts }) => {
  const name = "cgroups";
  const { version, controllers } = facts.cgroup;
  const kind = version === "hybrid" ? "versions 1 and 2" : `version ${version}`;
  if (version === "none")
    return warning(
      name,
      "no cgroup file system is mounted: limits cannot be set",
      "sudo mount -t cgroup2 none /sys/fs/cgroup",
    );
  const missing = wanted.filter((controller) => !controllers.includes(controller));
  if (missing.length === 0) return ok(name, `${kind}; can be limited: ${controllers.join(", ")}`);
  const detail = `${kind}; not delegated to ${facts.caller.name}: ${missing.join(", ")}. Environments that ask for such limits are refused`;
  if (facts.caller.uid === 0)
    return warning(
      name,
      `${kind}; the kernel has no controller ${missing.join(", ")}`,
      "boot without cgroup_disable=, or with cgroup_enable=memory",
    );
  if (version !== 2)
    return warning(
      name,
      detail,
      "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line: version 1 is root's alone",
    );
  return warning(
    name,
    detail,
    [
      "sudo mkdir -p /etc/systemd/system/user@.service.d",
      "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf",
      "sudo systemctl daemon-reload   # then log in anew; in a plain ssh session: systemd-run --user --scope -p Delegate=yes $SHELL",
    ].join("\n"),
  );
};

const gibibyte = 1024 ** 3;

export const disk: Check = ({ state, free }) => {
  if ("wrong" in state)
    return warning("disk", "not looked at: there is no data directory", "see state directories");
  const bytes = free(state.data);
  if (bytes === null)
    return warning("disk", `the free space of ${state.data} cannot be told`, `df -h ${state.data}`);
  const detail = `${approximateBytes(bytes)} free for ${state.data}`;
  if (bytes < gibibyte / 10)
    return failed("disk", detail, "free some space, or move the data: export PAVLOS_HOME=/a/larger/disk");
  if (bytes < gibibyte)
    return warning("disk", detail, "free some space, or move the data: export PAVLOS_HOME=/a/larger/disk");
  return ok("disk", detail);
};

export const stateDirectories: Check = ({ state, writable, facts }) => {
  const name = "state directories";
  if ("wrong" in state) return failed(name, state.wrong, state.hint);
  const closed = [state.data, state.run].filter((path) => !writable(path));
  if (closed.length === 0) return ok(name, `${state.data} and ${state.run}`);
  return failed(
    name,
    `${closed.join(" and ")} cannot be written`,
    `sudo chown -R ${facts.caller.name} ${closed.join(" ")}, or export PAVLOS_HOME=/another/place`,
  );
};

export const runtime: Check = ({ runtime: found }) =>
  "path" in found
    ? ok("pavlosc", found.path)
    : failed(
        "pavlosc",
        found.missing,
        "run `npm run build` in Pavlos's directory, or set PAVLOS_NATIVE to the binary",
      );

export const firewall: Check = ({ blockers }) => {
  const name = "firewall";
  if (blockers.length === 0) return ok(name, "nobody drops what environments on networks send");
  const found = blockers.map(({ where, whose }) => `the ${where} (${whose})`).join(" and ");
  return warning(
    name,
    `${found} drops what is forwarded: environments on networks do not get out, and ports do not lead in`,
    blockers.map(({ fix }) => fix).join("\n"),
  );
};
