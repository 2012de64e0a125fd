import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * A machine in miniature: a network and a mount namespace, an interface to a "LAN" (one more network
 * namespace), routes of both families through it, a tun device for everybody. Only for root.
 */
export interface Machine {
  /** Whose namespaces are the machine. */
  readonly pid: number;
  /** Address of the machine on the LAN, and of the router there. */
  readonly address: string;
  readonly router: string;
  /** Runs a shell script on the machine as root; its output. */
  readonly sh: (script: string) => string;
  /** The same on the router. */
  readonly lan: (script: string) => string;
  /** Starts something on the router that ends with the machine. */
  readonly serve: (...argv: string[]) => void;
  /** Links, rules and settings of the machine, as text: to compare. */
  readonly state: () => string;
  readonly end: () => void;
}

export function machine(): Machine {
  const children: ChildProcess[] = [];
  const pid = hold(children, ["-n", "-m"]);
  const lanPid = hold(children, ["-n"]);
  const enter = (target: number, script: string): string =>
    execFileSync("nsenter", ["-t", String(target), "-n", "-m", "--", "sh", "-ec", script], {
      encoding: "utf8",
      timeout: 30_000,
    });
  const sh = (script: string) => enter(pid, script);
  const lan = (script: string) => enter(lanPid, script);
  sh(`
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200
    echo nameserver 192.0.2.254 > /run/resolv.conf
    mount --bind /run/resolv.conf "$(readlink -f /etc/resolv.conf)"
    ip link set lo up
    ip link add up0 mtu 1400 type veth peer name up1 mtu 1400 netns ${lanPid}
    ip addr add 192.0.2.1/24 dev up0
    ip addr add 2001:db8::1/64 dev up0 nodad
    ip link set up0 up
    ip route add default via 192.0.2.254
    ip -6 route add default via 2001:db8::fe`);
  lan(`
    ip link set lo up
    ip addr add 192.0.2.254/24 dev up1
    ip addr add 2001:db8::fe/64 dev up1 nodad
    ip link set up1 up`);
  sh("ip -6 route replace default via 2001:db8::fe dev up0");
  return {
    pid,
    address: "192.0.2.1",
    router: "192.0.2.254",
    sh,
    lan,
    serve(...argv) {
      const child = spawn("nsenter", ["-t", String(lanPid), "-n", "--", ...argv], { stdio: "ignore" });
      children.push(child);
    },
    state: () =>
      sh(
        "ip -br link | awk '{print $1}'; nft list ruleset; cat /proc/sys/net/ipv4/ip_forward; " +
          "cat /proc/sys/net/ipv6/conf/all/forwarding; grep -c nsfs /proc/self/mountinfo || true",
      ),
    end: () => {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

/** A process that keeps new namespaces; its pid, once it is in them. */
function hold(children: ChildProcess[], flags: readonly string[]): number {
  const child = spawn("unshare", [...flags, "sleep", "100000"], { stdio: "ignore" });
  children.push(child);
  const { pid } = child;
  if (pid === undefined) throw new Error("unshare cannot be started");
  const isThere = (): boolean =>
    existsSync(`/proc/${pid}`) &&
    execFileSync("cat", [`/proc/${pid}/comm`], { encoding: "utf8" }).trim() === "sleep";
  for (let tries = 0; !isThere(); tries += 1) {
    if (tries > 500) throw new Error("unshare does not come to its command");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return pid;
}
