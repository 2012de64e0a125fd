import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Blob, Image } from "./oci.ts";

/** Debian's docker-registry on a port of its own. */
export interface Registry {
  /** "127.0.0.1:PORT"; the same after a restart. */
  readonly host: string;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly push: (repository: string, tag: string, image: Image) => Promise<void>;
}

/** Of a server; paths of PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Starts one whose files lie in `directory`; with a certificate it speaks https, which nobody can push to here. */
export async function registry(directory: string, tls: Certificate | null = null): Promise<Registry> {
  mkdirSync(directory, { recursive: true });
  let [address, process] = ["127.0.0.1:0", null as ReturnType<typeof spawn> | null];
  const start = async (): Promise<void> => {
    if (process !== null && process.exitCode === null) return;
    const config = {
      version: 0.1,
      log: { level: "info" },
      storage: { filesystem: { rootdirectory: join(directory, "data") }, delete: { enabled: true } },
      http: { addr: address, ...(tls === null ? {} : { tls }) },
    };
    // YAML takes JSON.
    writeFileSync(join(directory, "config.yml"), JSON.stringify(config));
    const child = spawn("docker-registry", ["serve", join(directory, "config.yml")], {
      stdio: ["ignore", "pipe", "pipe"],
      // A registry that outlived its test would keep the port and the files.
      env: { PATH: globalThis.process.env.PATH, OTEL_TRACES_EXPORTER: "none" },
    });
    process = child;
    address = await listening(child);
  };
  await start();
  return {
    host: address,
    start,
    stop: () =>
      new Promise((resolve) => {
        if (process === null || process.exitCode !== null) {
          resolve();
          return;
        }
        process.once("exit", () => resolve());
        process.kill("SIGKILL");
        process = null;
      }),
    push: (repository, tag, image) => push(`http://${address}/v2/${repository}`, tag, image),
  };
}

function listening(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => reject(new Error(`apt-get install docker-registry: ${error.message}`)));
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}: ${said}`)));
  });
}

async function push(base: string, tag: string, { manifest, config, layers }: Image): Promise<void> {
  for (const blob of [config, ...layers]) await upload(base, blob);
  const put = await fetch(`${base}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": manifest.descriptor.mediaType },
    body: new Uint8Array(manifest.bytes),
  });
  if (!put.ok) throw new Error(`manifest: ${put.status} ${await put.text()}`);
}

async function upload(base: string, { bytes, descriptor }: Blob): Promise<void> {
  const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", base);
  location.searchParams.set("digest", descriptor.digest);
  const put = await fetch(location, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(bytes),
  });
  if (!put.ok) throw new Error(`blob: ${put.status} ${await put.text()}`);
}
