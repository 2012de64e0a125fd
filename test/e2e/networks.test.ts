import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers, installation } from "./support/callers.ts";
import { type Machine, machine } from "./support/machine.ts";
import { busyboxRoot } from "./support/roots.ts";
import { when } from "./support/when.ts";
import { expectCode, type Ps, type World, world } from "./support/world.ts";

// Whole commands in a network namespace of the test's own, which only root can make: an ordinary user
// who runs the suite tests what needs none.
const all = process.getuid?.() === 0 ? callers() : [];

/** Answers with its own name, on port 80. */
const server = 'command: [busybox, httpd, -f, -p, "80", -h, /etc]\nrootfs: ../root\nstop: {timeout: 0s}\n';

/** A name server: 192.0.2.7 for every name. What is asked over UDP in these tests. */
const names = `require("node:dgram").createSocket("udp4").on("message", function (question, from) {
  const end = question.indexOf(0, 12) + 5;
  const head = Buffer.from(question.subarray(0, end));
  const known = question.readUInt16BE(end - 4) === 1;
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(known ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  const answer = Buffer.from("c00c000100010000003c0004c0000207", "hex");
  this.send(known ? Buffer.concat([head, answer]) : head, from.port, from.address);
}).bind(53);
`;
const node = join(installation(), `node_modules/node-linux-${process.arch}/bin/node`);

const http = (host: string, port = 80) => `timeout 5 wget -q -O - http://${host}:${port}/hostname || echo no`;
const lookup = (server = "") => `timeout 5 nslookup some.example ${server} | grep -c 192.0.2.7 || true`;
/** Without busybox, whose wget cannot be trusted on a machine's own root. */
const fetched = (address: string, port: number | undefined) =>
  `timeout 5 bash -c 'exec 3<>/dev/tcp/${address}/${port}; printf "GET /hostname HTTP/1.0\\r\\n\\r\\n" >&3; tail -n 1 <&3'`;
const asked = (address: string, port: number) =>
  `timeout 5 bash -c 'exec 3<>/dev/udp/${address}/${port}; printf "\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1x\\0\\0\\1\\0\\1" >&3; head -c 20 <&3 | wc -c'`;

describe.each(all)("networks as $kind", (caller) => {
  let there: Machine;
  let at: World;
  let before: string;
  beforeEach(() => {
    there = machine();
    // What others own: it has to stay as it is.
    there.sh(
      `printf 'table ip docker {\\n chain FORWARD {\\n type filter hook forward priority 0; policy accept;\\n accept\\n }\\n}\\n' | nft -f -`,
    );
    at = world(caller, there.pid);
    busyboxRoot(at);
    before = there.state();
  }, 60_000);
  afterEach(() => {
    try {
      at.end();
      expect(there.state()).toBe(before);
    } finally {
      there.end();
    }
  }, 60_000);

  const write = (name: string, network: string) =>
    at.write(`environments/${name}.yaml`, `${server}network: ${network}\n`);
  const apply = () => expectCode(at.pavlos("apply", "--yes"), 0);
  const inside = (name: string, ...scripts: string[]): string[] =>
    expectCode(at.pavlos("exec", name, "--", "sh", "-c", scripts.map((one) => `(${one})`).join("; ")), 0)
      .stdout.trim()
      .split("\n");
  /** Waits until a command inside says it: servers need a moment to listen. */
  const until = (name: string, script: string, wanted: string) => {
    let said: string[] = [];
    for (let tries = 0; tries < 30; tries += 1) {
      said = inside(name, script);
      if (said.join() === wanted) return;
    }
    throw new Error(`waited for ${wanted} from ${script}, got ${said.join()}`);
  };

  it("connect by name over TCP, UDP and IPv6, keep apart what is apart, publish ports", {
    timeout: 120_000,
  }, () => {
    at.write("pavlos.yaml", "networks:\n  back: {internal: true}\n");
    at.write("names.cjs", names);
    at.write(
      "environments/ns.yaml",
      `command: [/tmp/node, names.cjs]\ndependsOn: {web: started}\nmounts: ["${node}:/tmp/node:ro"]\nnetwork: {ports: ["5353:53/udp"]}\n`,
    );
    write("web", '{ports: ["8080:80", "auto:80"]}');
    write("api", "{networks: [default, back], aliases: [backend]}");
    write("db", "{networks: [back]}");
    apply();
    until("web", http("api"), "api");
    until("api", http("db"), "db");
    const { addresses, ports } = at.ps("api");
    const db = at.ps("db").addresses[0]?.ip;
    until("web", lookup("ns"), "1");
    const six = http(`[${addresses[0]?.ip6}]`);
    const mtu = "cat /sys/class/net/eth0/mtu";
    // That of the machine's way out; without root packets end at a program.
    const packet = caller.kind === "root" ? "1400" : "65520";
    expect(inside("web", http("backend"), six, http(`${db}`), mtu)).toEqual(["api", "api", "no", packet]);
    expect(ports).toEqual([]);
    expect(inside("db", http("api"), http(there.router))).toEqual(["api", "no"]);
    const auto = at.ps("web").ports[1]?.host;
    for (const name of ["web", "ns"]) expect(inside(name, "echo $PAVLOS_PORT_80")).toEqual([String(auto)]);
    expect(there.sh(fetched("127.0.0.1", 8080)).trim()).toBe("web");
    expect(there.sh(fetched(there.address, auto)).trim()).toBe("web");
    expect(there.sh(asked("127.0.0.1", 5353)).trim()).toBe("20");
    expect(there.lan(fetched(there.address, 8080)).trim()).toBe("web");
    // The machine's name server, which is on the LAN.
    there.serve(node, "-e", names);
    until("web", lookup(), "1");
    // Through the machine's address from a container, also the one that publishes it; and the way out.
    there.serve("busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
    const out = `timeout 10 sh -c 'until wget -q -O /dev/null http://${there.router}/hostname; do sleep 0.1; done; echo out'`;
    expect(inside("api", http(there.address, 8080), out)).toEqual(["web", "out"]);
    expect(inside("web", http(there.address, 8080))).toEqual(["web"]);
    expectCode(at.pavlos("diff"), 0);
  });

  it("keep addresses; ports, names and servers change live; a recreate is found again", {
    timeout: 120_000,
  }, () => {
    write("web", "{}");
    write("api", "{}");
    apply();
    until("web", http("api"), "api");
    const [web, api] = [at.ps("web"), at.ps("api")];
    write(
      "api",
      '{ports: ["127.0.0.1:8081:80"], aliases: [other], dns: [192.0.2.53], hosts: {far.example: 192.0.2.9}}',
    );
    expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(/network\.ports\s+\+ 127\.0\.0\.1:8081:80/);
    apply();
    expect(at.ps("api").pid).toBe(api.pid);
    expect(there.sh(fetched("127.0.0.1", 8081)).trim()).toBe("api");
    expect(inside("web", http("other"))).toEqual(["api"]);
    expect(inside("api", "grep -c far.example /etc/hosts", "cat /etc/resolv.conf")).toEqual([
      "1",
      "nameserver 192.0.2.53",
    ]);
    write("api", "{}");
    apply();
    expect(at.ps("api").pid).toBe(api.pid);
    expect(() => there.sh(`${fetched("127.0.0.1", 8081)} 2>/dev/null`)).toThrow();
    expect(inside("web", "grep -c other /etc/hosts || true")).toEqual(["0"]);
    expectCode(at.pavlos("restart"), 0);
    expect([at.ps("web").addresses, at.ps("api").addresses]).toEqual([web.addresses, api.addresses]);
    expectCode(at.pavlos("stop", "api"), 0);
    expect(inside("web", "grep -c api /etc/hosts || true")).toEqual(["0"]);
    expectCode(at.pavlos("start", "api"), 0);
    until("web", http("api"), "api");
    // A recreate with another address: the first look after the apply has it.
    busyboxRoot(at, "next");
    const moved = `${api.addresses[0]?.ip}`.replace(/\d+$/, "77");
    at.write("environments/api.yaml", `${server.replace("../root", "../next")}network: {ip: ${moved}}\n`);
    expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(/-\/\+ api +recreate/);
    apply();
    expect(inside("web", "grep -w api /etc/hosts | head -n 1")).toEqual([`${moved} api`]);
    expect(at.ps("api").addresses[0]?.ip).toBe(moved);
    until("web", http("api"), "api");
  });

  it("drift: each kind is shown with its reason and repaired without a restart", { timeout: 180_000 }, () => {
    write("web", '{ports: ["8080:80"]}');
    write("api", "{}");
    apply();
    const { pid } = at.ps("web");
    const state = () => JSON.parse(at.command("cat", stateFile(at)).stdout);
    const network = JSON.parse(expectCode(at.pavlos("network", "inspect", "--json"), 0).stdout).networks[0];
    const veth = network.members.find((one: { environment: string }) => one.environment === "web").veth;
    const pavlosc = join(process.env.PAVLOS_E2E_INSTALLATION ?? "", "dist/native/pavlosc");
    const break_ = (script: string) =>
      caller.kind === "root"
        ? there.sh(script)
        : there.sh(`${pavlosc} enter ${state().holder.pid} ${script}`);
    const within = (...args: string[]) =>
      execFileSync("nsenter", ["-t", String(pid), "-n", "ip", ...args], { stdio: "pipe" });
    const own = `${at.ps("web").addresses[0]?.ip}`;
    const kinds: [string, RegExp, () => unknown][] = [
      [
        "address",
        new RegExp(`its address ${own} on the network default is gone`),
        () => within("addr", "flush", "dev", "eth0"),
      ],
      ["inner link", /or its link eth0 is down/, () => within("link", "set", "eth0", "down")],
      ["route", /its way out \(the default route\) was removed/, () => within("route", "del", "default")],
      ["link", /its link pve\w+ to the network default was removed/, () => break_(`ip link del ${veth}`)],
      [
        "bridge",
        /the bridge pvb\w+ of the network default was removed/,
        () => break_(`ip link del ${network.bridge}`),
      ],
      [
        "table",
        /the nftables table was removed/,
        () => break_(`nft delete table inet ${tableOf(break_("nft list tables"))}`),
      ],
      caller.kind === "root"
        ? [
            "forwarding",
            /IP forwarding was switched off/,
            () => there.sh("echo 0 > /proc/sys/net/ipv4/ip_forward"),
          ]
        : ["pasta", /pasta was killed/, () => process.kill(state().outlet.pid, "SIGKILL")],
    ];
    for (const [, reason, destroy] of kinds) {
      destroy();
      expect(expectCode(at.pavlos("diff"), 2).stdout).toMatch(reason);
      apply();
      expectCode(at.pavlos("diff"), 0);
      expect(at.ps("web").pid).toBe(pid);
      until("api", http("web"), "web");
      expect(there.sh(fetched("127.0.0.1", 8080)).trim()).toBe("web");
    }
  });

  const asRoot = caller.kind === "root";
  when(asRoot)("a firewall that drops what is forwarded is told with a fix that works", () => {
    there.sh(
      `printf 'table inet strict {\n chain pass {\n type filter hook forward priority 0; policy drop;\n }\n}\n' | nft -f -`,
    );
    there.serve("busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
    write("web", "{}");
    const out = `timeout 2 wget -q -O /dev/null http://${there.router}/hostname && echo out || echo no`;
    const { stderr } = apply();
    expect(stderr).toContain(
      "the chain pass of the table inet strict (another firewall) drops what is forwarded",
    );
    expect(inside("web", out)).toEqual(["no"]);
    expect(at.pavlos("doctor").stdout).toContain("chain pass of the table inet strict");
    const fix = /sudo nft 'insert rule inet strict pass .* accept'/.exec(stderr)?.[0] ?? "";
    there.sh(fix.replaceAll("sudo ", ""));
    until("web", out, "out");
    expect(at.pavlos("doctor").stdout).toContain("nobody drops");
    expectCode(at.pavlos("restart", "web"), 0);
    there.sh("nft delete table inet strict");
  });

  it("say what is wrong before anything changes", { timeout: 60_000 }, () => {
    at.write("pavlos.yaml", "networks:\n  lan: {subnet: 192.0.0.0/16}\n");
    there.sh("busybox nc -l -p 8090 >/dev/null 2>&1 & sleep 0.3");
    write("web", '{ports: ["8090:80"]}');
    write("api", "{networks: [lan]}");
    const refused = expectCode(at.pavlos("apply", "--yes"), 1).stderr;
    expect(refused).toMatch(
      caller.kind === "root"
        ? /port 8090 of "8090:80" is taken by busybox \(pid \d+\)/
        : /port 8090 .* is taken by a process/,
    );
    expect(refused).toContain("192.0.0.0/16 of the network `lan` overlaps 192.0.2.0/24");
    there.sh(
      "mount --bind /dev/null /usr/sbin/nft; if [ -e /sbin/nft ]; then mount --bind /dev/null /sbin/nft; fi",
    );
    expect(expectCode(at.pavlos("apply", "--yes"), 1).stderr).toContain("apt-get install nftables");
    there.sh("umount /usr/sbin/nft || true; umount /sbin/nft 2>/dev/null || true");
    if (caller.kind === "root") return;
    at.write("pavlos.yaml", "networks:\n  lan: {}\n");
    write("web", '{ports: ["80:80"]}');
    expect(expectCode(at.pavlos("apply", "--yes"), 1).stderr).toContain("only root may publish the port 80");
  });

  it("give the file of the first Pavlos exactly its address and a way out", { timeout: 60_000 }, () => {
    there.serve("busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
    const script = `ip -4 addr show eth0 | grep -o 'inet [0-9./]*'; i=0; until wget -q -O /dev/null http://${there.router}/hostname || [ $i = 50 ]; do sleep 0.1; i=$((i+1)); done; wget -q -O - http://${there.router}/hostname >/dev/null && echo out`;
    const file = at.write(
      "box.json",
      JSON.stringify({
        name: "box",
        rootFs: join(at.project, "root"),
        runtimeArgs: ["/bin/busybox", "sh", "-c", script.replaceAll("ip -4", "busybox ip -4")],
        ip: "172.16.0.12",
        isolationOptions: { enableNetNs: true, enablePID: true, enableUTS: true, enableRoot: true },
      }),
    );
    expect(expectCode(at.pavlos("run", file), 0).stdout.trim().split("\n")).toEqual([
      "inet 172.16.0.12/24",
      "out",
    ]);
  });

  const moments = process.env.PAVLOS_LONG ? 40 : 4;
  it(`kill -9 at ${moments} moments of an apply: the next one converges`, {
    timeout: moments * 20_000,
  }, async () => {
    const turn = (n: number) => {
      write("web", n % 2 ? '{ports: ["8080:80"]}' : "{ports: []}");
      if (n % 3) write("api", "{aliases: [x]}");
      else at.write("environments/api.yaml", "rootfs: ../root\nnetwork: none\nstop: {timeout: 0s}\n");
      if (n % 4 === 3) expectCode(at.pavlos("destroy", "--yes"), 0);
    };
    turn(0);
    const start = performance.now();
    apply();
    const whole = performance.now() - start;
    for (let n = 1; n <= moments; n += 1) {
      turn(n);
      await new Promise<void>((resolve) => {
        const child = at.spawn("apply", "--yes");
        child.stdout?.resume();
        child.stderr?.resume();
        const timer = setTimeout(() => child.kill("SIGKILL"), (whole * (n - 0.5)) / moments);
        child.on("close", () => {
          clearTimeout(timer);
          resolve();
        });
      });
      apply();
      expectCode(at.pavlos("diff"), 0);
      if (n % 3) until("api", http("web"), "web");
    }
  });

  const many = process.env.PAVLOS_LONG ? 100 : 12;
  it(`${many} environments on one network take at most 10 commands for it`, { timeout: 120_000 }, () => {
    const log = join(at.directory, "calls");
    const bin = join(at.directory, "bin");
    at.command("mkdir", bin);
    for (const program of ["ip", "nft", "pasta"]) {
      const real = there.sh(`command -v ${program}`).trim();
      writeFileSync(join(bin, program), `#!/bin/sh\necho ${program} >> ${log}\nexec ${real} "$@"\n`, {
        mode: 0o755,
      });
    }
    const pavlosc = join(process.env.PAVLOS_E2E_INSTALLATION ?? "", "dist/native/pavlosc");
    const native = join(bin, "pavlosc");
    writeFileSync(
      native,
      `#!/bin/sh\ncase " $* " in *" netns "*|*" hold "*) echo pavlosc >> ${log};; esac\nexec ${pavlosc} "$@"\n`,
      { mode: 0o755 },
    );
    at.command("touch", log);
    for (let n = 0; n < many; n += 1)
      at.write(`environments/e${n}.yaml`, "rootfs: ../root\nnetwork: {}\nstop: {timeout: 0s}\n");
    const env = { PATH: `${bin}:${at.env.PATH}`, PAVLOS_NATIVE: native };
    expectCode(at.pavlosWith({ env }, "apply", "--yes"), 0);
    const calls = at.command("cat", log).stdout.trim().split("\n");
    expect(calls.length, calls.join(" ")).toBeLessThanOrEqual(10);
    const listed: Ps[] = JSON.parse(expectCode(at.pavlos("ps", "--json"), 0).stdout);
    expect(new Set(listed.map(({ addresses }) => addresses[0]?.ip)).size).toBe(many);
  });
});

const stateFile = (at: World): string =>
  join(
    at.home,
    "run/network",
    at
      .command("ls", join(at.home, "run/network"))
      .stdout.split("\n")
      .find((name) => name.startsWith("project")) ?? "",
    "state.json",
  );

const tableOf = (tables: unknown): string => /inet (pavlos_\w+)/.exec(String(tables))?.[1] ?? "none";
