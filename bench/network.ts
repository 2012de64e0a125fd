import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dockerEngine } from "./engine.ts";
import type { Row, Suite } from "./report.ts";
import { time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const image = "pavlos-bench-net:latest";
const mib = 4096;
const rounds = 5;
/** Address of the machine in the network namespace that peers are entered with. */
const machine = "10.99.0.1";

/**
 * Streams between containers and from the machine against docker's bridge: in a network namespace of its
 * own, for example `peers/enter --v1 --net`.
 */
export function network(tools: Tools): Suite {
  const directory = mkdtempSync("/var/tmp/pavlos-bench-net-");
  const engine = dockerEngine(directory);
  try {
    wayOut();
    const root = writeRoot(tools, directory);
    const rows = asRoot(tools, { directory, root, docker: engine.ready });
    return { title: "Networks", about, rows };
  } finally {
    engine.stop();
    sh(`umount -R ${directory}/docker/* 2>/dev/null; rm -rf ${directory}`);
  }
}

/** The namespace that peers are entered with has nothing but a loopback interface. */
const wayOut = (): string =>
  sh(
    "ip link set lo up; ip link add out0 type veth peer name out1; ip addr add 10.99.0.1/24 dev out0; " +
      "ip link set out0 up; ip link set out1 up; ip route add default via 10.99.0.254",
  );

const about =
  "One TCP stream of 4 GiB in MiB a second (medians of 5), and the time to make one environment with a bridge and a port.";

function asRoot(
  tools: Tools,
  at: { readonly directory: string; readonly root: string; readonly docker: boolean },
): readonly Row[] {
  const project = join(at.directory, "project");
  writeProject(project, at.root);
  const pavlos = (...args: string[]) => run([tools.pavlos, "-C", project, ...args]);
  pavlos("apply", "--yes");
  if (at.docker) {
    sh(`tar -C ${at.root} -c . | docker import - ${image}`);
    // docker drops what is forwarded for others; so it is let through, as docs/networks.md says.
    sh("iptables -I DOCKER-USER -i 'pvb+' -j ACCEPT && iptables -I DOCKER-USER -o 'pvb+' -j ACCEPT");
    sh(`docker run -d --name pvserve -p 6001:6000 ${image} /bin/stream serve 6000`);
    sh(`docker run -d --name pvsend ${image} /bin/sleep infinity`);
  }
  const stream = join(at.root, "bin/stream");
  // In the containers' networks only: in a chroot nobody can enter the rest (docker exec cannot either).
  const inside = pairs(
    () =>
      fromNetworkOf(pidOf(pavlos, "send"), [stream, "send", addressOf(pavlos, "serve"), "6000", String(mib)]),
    () => {
      if (!at.docker) return "";
      const pid = sh("docker inspect -f '{{.State.Pid}}' pvsend");
      const ip = sh("docker inspect -f '{{.NetworkSettings.IPAddress}}' pvserve");
      return fromNetworkOf(pid, [stream, "send", ip, "6000", String(mib)]);
    },
  );
  const outside = pairs(
    () => run([stream, "send", machine, "6000", String(mib)]),
    () => (at.docker ? run([stream, "send", machine, "6001", String(mib)]) : ""),
  );
  pavlos("destroy", "--yes");
  if (at.docker) sh("docker rm -f pvserve pvsend");
  const begin = at.docker ? starts(tools, project) : { pavlos: null, peer: null };
  return [
    row("container to container, MiB/s", inside, "docker"),
    row("machine to published port, MiB/s", outside, "docker"),
    row("make one with a bridge and a port, ms", begin, "docker"),
  ];
}

type Pavlos = (...args: string[]) => string;

const fromNetworkOf = (pid: string, argv: readonly string[]): string =>
  run(["nsenter", "-t", pid, "-n", ...argv]);

interface Listed {
  readonly name: string;
  readonly pid: number;
  readonly addresses: readonly { readonly ip: string }[];
}

const listed = (pavlos: Pavlos, name: string): Listed | undefined =>
  (JSON.parse(pavlos("ps", "--json")) as readonly Listed[]).find((one) => one.name === name);
const pidOf = (pavlos: Pavlos, name: string): string => String(listed(pavlos, name)?.pid);
const addressOf = (pavlos: Pavlos, name: string): string => listed(pavlos, name)?.addresses[0]?.ip ?? "";

function starts(tools: Tools, project: string): Pair {
  rmSync(join(project, "environments/send.yaml"));
  const figures = time(
    tools.timer,
    [
      {
        name: "pavlos",
        argv: [tools.pavlos, "-C", project, "apply", "--yes"],
        after: [tools.pavlos, "-C", project, "destroy", "--yes"],
      },
      {
        name: "docker",
        argv: [
          "docker",
          "run",
          "-d",
          "--name",
          "pvone",
          "-p",
          "6001:6000",
          image,
          "/bin/stream",
          "serve",
          "6000",
        ],
        after: ["docker", "rm", "-f", "pvone"],
      },
    ],
    { rounds: 10, warmup: 2 },
  );
  return { pavlos: figures.get("pavlos")?.wallMs ?? null, peer: figures.get("docker")?.wallMs ?? null };
}

/**
 * The same without root, against pasta alone: as root under `unshare -n -m`, outside of any chroot, where
 * user namespaces cannot be made.
 */
export function rootlessNetwork(tools: Tools): Suite {
  const directory = mkdtempSync("/var/tmp/pavlos-bench-net-");
  try {
    wayOut();
    sh("mount --make-rprivate /; mount -t tmpfs tmpfs /dev/net; mknod -m 666 /dev/net/tun c 10 200");
    writeRoot(tools, directory);
    return { title: "Networks without root", about: aboutRootless, rows: rootless(tools, directory) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const aboutRootless =
  "One TCP stream of 4 GiB in MiB a second (medians of 5). The peer is pasta alone, which is what podman " +
  "connects a container with by default.";

/** As an ordinary user that is made for it. */
function rootless(tools: Tools, directory: string): readonly Row[] {
  const user = "pavlosbench";
  sh(`id ${user} >/dev/null 2>&1 || useradd -m ${user}; chmod 755 ${directory}`);
  const home = join(directory, "home");
  const project = join(directory, "userproject");
  const root = join(directory, "userroot");
  sh(`cp -a ${join(directory, "root")} ${root}; mkdir ${home}`);
  writeProject(project, root);
  sh(`chown -R ${user}:${user} ${home} ${project} ${root}`);
  const as = (...argv: string[]) =>
    run([
      "setpriv",
      `--reuid=${user}`,
      `--regid=${user}`,
      "--init-groups",
      "env",
      `PAVLOS_HOME=${home}`,
      `HOME=${home}`,
      ...argv,
    ]);
  const stream = join(root, "bin/stream");
  as(tools.pavlos, "-C", project, "apply", "--yes");
  const peer = spawn(
    "setpriv",
    [
      `--reuid=${user}`,
      `--regid=${user}`,
      "--init-groups",
      "pasta",
      "--config-net",
      "-t",
      "6002",
      "--",
      stream,
      "serve",
      "6002",
    ],
    { stdio: "ignore", detached: true },
  );
  spawnSync("sleep", ["1"]);
  const outside = pairs(
    () => run([stream, "send", "127.0.0.1", "6000", String(mib)]),
    () => run([stream, "send", "127.0.0.1", "6002", String(mib)]),
  );
  if (peer.pid !== undefined) process.kill(-peer.pid, "SIGKILL");
  const inside = as(
    tools.pavlos,
    "-C",
    project,
    "exec",
    "send",
    "--",
    "/bin/stream",
    "send",
    "serve",
    "6000",
    String(mib),
  );
  as(tools.pavlos, "-C", project, "destroy", "--yes");
  sh(`userdel -r -f ${user} || true`);
  return [
    row("without root: machine to published port, MiB/s", outside, "pasta"),
    { what: "without root: container to container, MiB/s", pavlos: Number(inside) || null },
  ];
}

function writeProject(project: string, root: string): void {
  mkdirSync(join(project, "environments"), { recursive: true });
  const common = `rootfs: ${root}\nstop: {timeout: 0s}\n`;
  writeFileSync(
    join(project, "environments/serve.yaml"),
    `${common}command: [/bin/stream, serve, "6000"]\nnetwork: {ports: ["6000:6000"]}\n`,
  );
  writeFileSync(join(project, "environments/send.yaml"), `${common}network: {}\n`);
}

/** A root with the program that streams, and sleep. */
function writeRoot(tools: Tools, directory: string): string {
  const root = join(directory, "root");
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "etc"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(tools.timer.replace(/bench_timer$/, "bench_stream"), join(root, "bin/stream"));
  const busybox = sh("command -v busybox || ls /root/bundle/rootfs/bin/busybox");
  copyFileSync(busybox, join(root, "bin/sleep"));
  return root;
}

interface Pair {
  readonly pavlos: number | null;
  readonly peer: number | null;
}

/** Medians of interleaved runs. */
function pairs(own: () => string, other: () => string): Pair {
  const [mine, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    mine.push(Number(own()));
    theirs.push(Number(other()));
  }
  return { pavlos: median(mine), peer: median(theirs) };
}

function median(values: readonly number[]): number | null {
  const sorted = values.filter((value) => value > 0).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

function row(what: string, { pavlos, peer }: Pair, name: string): Row {
  const ratio = pavlos !== null && peer !== null ? Math.round((pavlos / peer) * 100) / 100 : null;
  return { what, pavlos, peer, against: name, ratio };
}

const sh = (script: string): string => run(["sh", "-c", script]);

function run(argv: readonly string[]): string {
  const [program = "", ...args] = argv;
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) process.stderr.write(`${argv.join(" ")}: ${done.stderr}\n`);
  return done.stdout.trim();
}
