import { isStaticProgram } from "../../../host/elf.ts";
import { findProgram, startProgram } from "../../../host/program.ts";
import { trees } from "../../../host/trees.ts";
import type { Bootstrap } from "../../../model/build.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest } from "../source.ts";
import type { LayerFiles } from "../store/layers.ts";
import { unpackInto } from "../store/unpack.ts";
import { tarStream } from "../tar.ts";

/** The smallest root: the host's static busybox with a link for each of its programs. */
export async function installBusybox(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  staged: LayerFiles,
): Promise<Result<void, Problem>> {
  const { environment, context } = request;
  const place = context.place(
    environment.name,
    environment.rootfs.kind === "build" ? "rootfs.from" : "rootfs.bootstrap",
  );
  const found = findProgram("busybox", tools.env.PATH);
  const program = found === null ? null : (trees.realPath(found) ?? found);
  if (program === null || !isStaticProgram(program))
    return failure({
      code: "busybox-missing",
      message:
        program === null
          ? "busybox is not installed"
          : `${program} is not statically linked: it would not run in a root of its own`,
      place,
      hint: "sudo apt-get install busybox-static",
    });
  const names = await appletsOf(program, context.signal);
  const unpacked = await unpackInto(tools, staged, {
    kind: "archive",
    from: tarStream([
      ...directories,
      ...links(names),
      ...files,
      { kind: "host-file", path: "bin/busybox", source: program, mode: 0o755 },
    ]),
    what: "the files of busybox",
    signal: context.signal,
  });
  return unpacked.ok ? success(undefined) : unpacked;
}

async function appletsOf(program: string, signal: AbortSignal): Promise<readonly string[]> {
  const running = startProgram([program, "--list"], { env: {}, signal });
  const chunks: Buffer[] = [];
  for await (const chunk of running.stdout) chunks.push(chunk as Buffer);
  await running.done;
  const names = Buffer.concat(chunks).toString().split("\n");
  return names.filter((name) => /^[a-z0-9_.[-]+$/i.test(name) && name !== "busybox").sort();
}

const directories = [
  "bin",
  "dev",
  "etc",
  "home",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "usr",
  "usr/bin",
  "usr/sbin",
  "usr/lib",
  "sbin",
  "lib",
  "var",
  "var/tmp",
  "var/lib",
  "var/cache",
  "var/log",
].map((path) => ({
  kind: "directory" as const,
  path,
  mode: path === "root" ? 0o700 : path === "tmp" || path === "var/tmp" ? 0o1777 : 0o755,
}));

const links = (names: readonly string[]) =>
  names.map((name) => ({ kind: "link" as const, path: `bin/${name}`, target: "busybox" }));

const files = [
  { path: "etc/passwd", text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n" },
  { path: "etc/group", text: "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
  { path: "etc/hosts", text: "" },
  { path: "etc/hostname", text: "" },
  { path: "etc/resolv.conf", text: "" },
  { path: "etc/os-release", text: 'ID=busybox\nNAME=busybox\nPRETTY_NAME="busybox"\n' },
].map((file) => ({ kind: "file" as const, mode: 0o644, ...file }));
