import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Debian's docker-registry, or where that is missing a plain file server of the same kind. */
export interface LocalRegistry {
  readonly what: string;
  /** "127.0.0.1:PORT" */
  readonly host: string;
  readonly directory: string;
  readonly putBlob: (repository: string, digest: string, path: string) => void;
  readonly putManifest: (repository: string, tag: string, text: string) => void;
  readonly stop: () => void;
}

/** Everything lies in `directory`, in the registry's own layout, which both kinds serve. */
export function startRegistry(directory: string): LocalRegistry {
  const real = spawnSync("docker-registry", ["--version"]).status === 0;
  const port = freePort();
  const data = join(directory, "registry");
  const base = join(data, "docker/registry/v2");
  const process = real ? dockerRegistry(directory, data, port) : fileServer(base, port);
  const host = `127.0.0.1:${port}`;
  awaitAnswer(host);
  const link = (path: string, digest: string): void => {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "link"), digest);
  };
  const blob = (digest: string): string => {
    const hex = digest.slice("sha256:".length);
    const place = join(base, "blobs/sha256", hex.slice(0, 2), hex);
    mkdirSync(place, { recursive: true });
    return join(place, "data");
  };
  return {
    what: real ? "docker-registry" : "a file server",
    host,
    directory,
    putBlob(repository, digest, path) {
      copyFileSync(path, blob(digest));
      link(join(base, "repositories", repository, "_layers/sha256", digest.slice(7)), digest);
    },
    putManifest(repository, tag, text) {
      const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
      writeFileSync(blob(digest), text);
      const manifests = join(base, "repositories", repository, "_manifests");
      link(join(manifests, "revisions/sha256", digest.slice(7)), digest);
      link(join(manifests, "tags", tag, "current"), digest);
      link(join(manifests, "tags", tag, "index/sha256", digest.slice(7)), digest);
    },
    stop: () => void process.kill("SIGKILL"),
  };
}

function dockerRegistry(directory: string, data: string, port: number) {
  const file = join(directory, "registry.json");
  const storage = { filesystem: { rootdirectory: data }, cache: { blobdescriptor: "inmemory" } };
  const config = { version: 0.1, log: { level: "error" }, storage, http: { addr: `127.0.0.1:${port}` } };
  // YAML takes JSON.
  writeFileSync(file, JSON.stringify(config));
  return spawn("docker-registry", ["serve", file], { stdio: "ignore" });
}

const fileServer = (base: string, port: number) =>
  spawn(process.execPath, [join(import.meta.dirname, "file-server.ts"), base, String(port)], {
    stdio: "ignore",
  });

function freePort(): number {
  const script =
    "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})";
  return Number(spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stdout);
}

function awaitAnswer(host: string): void {
  const script = `fetch("http://${host}/v2/").then(()=>process.exit(0),()=>process.exit(1))`;
  for (let tries = 0; tries < 100; tries++) {
    if (spawnSync(process.execPath, ["-e", script]).status === 0) return;
    spawnSync("sleep", ["0.1"]);
  }
  throw new Error(`the registry at ${host} does not answer`);
}
