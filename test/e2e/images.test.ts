import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { fakeRegistry } from "../support/fake-registry.ts";
import { type Image, writeLayout } from "../support/oci.ts";
import { type Certificate, type Registry, registry } from "../support/registry.ts";
import { busyboxImage } from "./support/busybox-image.ts";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

let server: Registry;
let first: Image;
let second: Image;
const directory = mkdtempSync("/var/tmp/pavlos-e2e-registry-");

beforeAll(async () => {
  server = await registry(directory);
  const config = { Env: ["COLOR=green", "PATH=/bin"], WorkingDir: "/var", Cmd: ["sh"], StopSignal: "SIGINT" };
  first = busyboxImage("one", { config });
  const Healthcheck = { Test: ["CMD-SHELL", "grep -q two /etc/version"], Interval: 5e9 };
  second = busyboxImage("two", { config: { ...config, Cmd: ["sleep", "1000"], Healthcheck } });
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Many commands one after the other; a busy machine must not make them fail. */
const slow = { timeout: 240_000 };

/** A certificate that is its own authority. */
function selfSigned(directory: string): Certificate {
  mkdirSync(directory, { recursive: true });
  const [certificate, key] = [join(directory, "server.crt"), join(directory, "server.key")];
  const names = "subjectAltName=IP:127.0.0.1,IP:0.0.0.0";
  const made =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test".split(" ");
  execFileSync("openssl", [...made, "-addext", names, "-keyout", key, "-out", certificate], {
    stdio: "pipe",
  });
  return { certificate, key };
}

describe.each(callers())("images as $kind", (caller) => {
  let at: World;
  const lock = (): string => readFileSync(join(at.project, "pavlos.lock"), "utf8");
  afterEach(async () => {
    await server.start();
    at.end();
  });

  it("run from a fresh store, and again without the registry; update moves the lock", slow, async () => {
    at = world(caller);
    await server.push("tools/busybox", "1", first);
    const name = `${server.host}/tools/busybox:1`;
    at.write("environments/box.yaml", `rootfs:\n  image: ${name}\n`);
    expect(expectCode(at.pavlos("diff"), 2).stdout).toContain("+ box");
    expectCode(at.pavlos("apply", "--yes", "--frozen"), 1);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(lock()).toContain(first.manifest.descriptor.digest);
    const inside = expectCode(
      at.pavlos("exec", "box", "--", "sh", "-c", "cat /etc/version; ls /etc; echo $COLOR; pwd"),
      0,
    );
    expect(inside.stdout).toMatch(/^one\n/);
    expect(inside.stdout).not.toContain("removed");
    expect(inside.stdout).toMatch(/green\n\/var\n$/);

    await server.stop();
    expect(expectCode(at.pavlos("apply", "--yes"), 0).stdout).toContain("Nothing to do");
    at.write("environments/other.yaml", `rootfs: image://${name}\ncommand: [sleep, "1000"]\n`);
    expectCode(at.pavlos("apply", "--yes", "--frozen"), 0);
    expect(at.ps("other").status).toBe("running");
    const shown = expectCode(at.pavlos("config", "box"), 0).stdout;
    expect(shown).toMatch(/env\.COLOR +"green" +image 127/);
    expect(shown).toMatch(/stop\.signal +SIGINT +image 127/);
    expect(expectCode(at.pavlos("update"), 1).stderr).toContain("nothing listens there");

    await server.start();
    await server.push("tools/busybox", "1", second);
    expect(expectCode(at.pavlos("apply", "--yes"), 0).stdout).toContain("Nothing to do");
    const moved = expectCode(at.pavlos("update", "--json"), 0).stdout;
    expect(JSON.parse(moved).changes).toMatchObject([
      { from: first.manifest.descriptor.digest, to: second.manifest.descriptor.digest },
    ]);
    const plan = expectCode(at.pavlos("diff", "box"), 2).stdout;
    expect(plan).toMatch(/rootfs\.digest .*pavlos\.lock:\d+:\d+/);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(expectCode(at.pavlos("exec", "box", "--", "cat", "/etc/version"), 0).stdout).toBe("two\n");

    const config = () => expectCode(at.pavlos("config", "box"), 0).stdout;
    expect(config()).toMatch(/health\.check\.command .*grep -q two .* image 127/);
    await expect.poll(() => at.ps("box").health, { timeout: 30_000 }).toBe("healthy");
    at.write("environments/box.yaml", `rootfs:\n  image: ${name}\nhealth: none\n`);
    expect(config()).not.toContain("health.check");
    expectCode(at.pavlos("apply", "--yes", "box"), 0);
    expect(at.ps("box").health).toBeNull();
  });

  it("that are not to be had are explained where they were asked for, and nothing changes", async () => {
    at = world(caller);
    await server.push("tools/busybox", "1.36", first);
    at.write("environments/tag.yaml", `rootfs:\n  image: ${server.host}/tools/busybox:1.37\n`);
    at.write("environments/name.yaml", `rootfs: image://${server.host}/tools/busibox:1\n`);
    at.write(
      "environments/platform.yaml",
      `rootfs:\n  image: ${server.host}/tools/busybox:1.36\n  platform: linux/s390x\n`,
    );
    const said = expectCode(at.pavlos("apply", "--yes"), 1).stderr;
    expect(said).toMatch(/has no tag `1\.37` of tools\/busybox.*manifest unknown/);
    expect(said).toContain("environments/tag.yaml:2:10");
    expect(said).toContain("did you mean `1.36`?");
    expect(said).toMatch(/no `1` of tools\/busibox/);
    expect(said).toMatch(/not there for linux\/s390x[\s\S]*expected:.* linux\/(amd64|arm64)/);
  });

  it("with a wrong or a damaged layer never enter the store", async () => {
    at = world(caller);
    const fake = await fakeRegistry();
    fake.push("a/b", "1", first);
    const layer = first.layers[1] as Image["config"];
    const apply = async (): Promise<string> => {
      const child = at.spawn("apply", "--yes");
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", (chunk: Buffer) => {
          said += chunk.toString();
        });
      const code = await new Promise((resolve) => child.once("close", resolve));
      return `${code}: ${said}`;
    };
    at.write("environments/box.yaml", `rootfs:\n  image: ${fake.host}/a/b:1\n`);
    fake.script = (request, response) => {
      if (!request.url?.endsWith(layer.descriptor.digest)) return false;
      response.end(Buffer.alloc(layer.bytes.length));
      return true;
    };
    expect(await apply()).toMatch(/^1: [\s\S]*environments\/box\.yaml:2:10/);
    fake.script = (request, response) => {
      if (!request.url?.endsWith(layer.descriptor.digest)) return false;
      const bytes = Buffer.from(layer.bytes);
      bytes.writeUInt8((bytes.at(-20) ?? 0) ^ 1, bytes.length - 20);
      response.end(bytes);
      return true;
    };
    expect(await apply()).toMatch(/^1: /);
    const layers = at.command("ls", "-A", join(at.home, "data/store/layers")).stdout.trim();
    expect(layers).toBe("");
    fake.script = () => false;
    expect(await apply()).toMatch(/^0: /);
    await fake.close();
  });

  it("come over https where the authority is known, and else say what to do", slow, async () => {
    at = world(caller);
    await server.push("tools/secure", "1", second);
    const tls = selfSigned(join(directory, "tls"));
    await server.stop();
    const secure = await registry(directory, tls);
    const pull = (name: string) =>
      at.pavlosWith({ env: { XDG_CONFIG_HOME: join(at.project, "config") } }, "pull", name);
    try {
      // To Pavlos another machine's: nothing but https is tried.
      const host = secure.host.replace("127.0.0.1", "0.0.0.0");
      at.write("environments/far.yaml", `rootfs:\n  image: ${host}/tools/secure:1\n`);
      at.write("environments/near.yaml", `rootfs:\n  image: ${secure.host}/tools/secure:1\n`);
      for (const [name, asked] of [
        ["far", host],
        ["near", secure.host],
      ] as const) {
        const said = expectCode(pull(name), 1).stderr;
        expect(said).toMatch(/cannot be reached: .*(self-signed|unable to verify)/i);
        expect(said).toContain(`~/.config/containers/certs.d/${asked}/ca.crt`);
        expect(said).toContain(`environments/${name}.yaml:2:10`);
        at.write(`config/containers/certs.d/${asked}/ca.crt`, readFileSync(tls.certificate, "utf8"));
        expectCode(pull(name), 0);
      }
    } finally {
      await secure.stop();
    }
    const plain = await registry(join(directory, "plain"));
    const host = plain.host.replace("127.0.0.1", "0.0.0.0");
    at.write("environments/far.yaml", `rootfs:\n  image: ${host}/tools/secure:1\n`);
    const said = expectCode(pull("far"), 1).stderr;
    await plain.stop();
    expect(said).toContain("does not speak https, and nothing is fetched over plain http");
    expect(said).toContain("`insecure: true`");
  });

  it("come from a directory and from an archive, are pulled without being started, and are built upon", async () => {
    at = world(caller);
    writeLayout(join(at.project, "layout"), { one: first, two: second });
    at.command("chmod", "-R", "a+rX", join(at.project, "layout"));
    at.write("environments/dir.yaml", "rootfs:\n  image: oci:../layout:one\n");
    expectCode(
      at.command("tar", "-cf", join(at.project, "layout.tar"), "-C", join(at.project, "layout"), "."),
      0,
    );
    at.write("environments/tar.yaml", "rootfs:\n  image: oci-archive:../layout.tar:two\n");
    at.write(
      "environments/built.yaml",
      "rootfs:\n  from: {image: 'oci:../layout:one'}\n  steps:\n    - run: echo built > /built\n    - env: {COLOR: red}\n",
    );
    expect(expectCode(at.pavlos("pull"), 0).stdout).toContain(first.manifest.descriptor.digest);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(expectCode(at.pavlos("exec", "dir", "--", "cat", "/etc/version"), 0).stdout).toBe("one\n");
    const built = expectCode(
      at.pavlos("exec", "built", "--", "sh", "-c", "cat /built /etc/version; echo $COLOR; pwd"),
      0,
    );
    expect(built.stdout).toBe("built\none\nred\n/var\n");
    expect(expectCode(at.pavlos("apply", "--yes"), 0).stdout).toContain("Nothing to do");
    expect(expectCode(at.pavlos("exec", "tar", "--", "cat", "/etc/version"), 0).stdout).toBe("two\n");
  });
});
