import { findProgram, startProgram } from "../../../host/program.ts";
import type { Bootstrap } from "../../../model/build.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { hasSubordinates } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest } from "../source.ts";
import type { LayerFiles } from "../store/layers.ts";
import { unpackInto } from "../store/unpack.ts";

/** Installs a distribution straight into a staged layer; gives the digests of its release files. */
export async function installDistribution(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  staged: LayerFiles,
): Promise<Result<readonly string[], Problem>> {
  const ready = argumentsOf(tools, request);
  if (!ready.ok) return ready;
  const { environment, context, rootfs } = request;
  const releases: string[] = [];
  const running = startProgram(ready.value, {
    env: variables(tools.env),
    signal: context.signal,
    onErrorLine(line) {
      const digest = /^pavlos-release ([0-9a-f]{64})/.exec(line)?.[1];
      if (digest !== undefined) releases.push(digest);
    },
  });
  const unpacked = await unpackInto(tools, staged, {
    kind: "archive",
    from: running.stdout,
    what: `the files of ${rootfs.suite}`,
    signal: context.signal,
    progress: (done) =>
      context.report({
        kind: "progress",
        environment: environment.name,
        what: `bootstrap ${rootfs.suite}`,
        done,
        total: null,
      }),
  });
  const { code, lines } = await running.done;
  // What is unpacked of a failed one ends early: the reason is mmdebstrap's.
  if (code !== 0 && !context.signal.aborted) return failure(explained(request, lines));
  return unpacked.ok ? success(releases.sort()) : unpacked;
}

/** mmdebstrap's command line, or what keeps it from working here. */
export function argumentsOf(
  { host, env }: Pick<Tools, "host" | "env">,
  { environment, context, rootfs }: StackRequest<Bootstrap>,
): Result<readonly string[], Problem> {
  const { suite, variant, packages, mirror } = rootfs;
  const place = placeOf({ environment, context }, "");
  const program = findProgram("mmdebstrap", env.PATH);
  if (program === null)
    return failure({
      code: "mmdebstrap-missing",
      message: `${suite} cannot be bootstrapped: mmdebstrap is not installed`,
      place,
      hint: "sudo apt-get install mmdebstrap; or use suite: busybox, an archive or an image",
    });
  const isRoot = host.caller.uid === 0;
  if (!isRoot && !hasSubordinates(host.caller))
    return failure({
      code: "subordinate-ids-missing",
      message: `${suite} cannot be bootstrapped: its files belong to many users, and ${host.caller.name} has no subordinate ids`,
      place,
      hint: "`pavlos doctor` says how to get them; suite: busybox needs none",
    });
  return success([
    program,
    `--mode=${isRoot ? "root" : "unshare"}`,
    `--variant=${variant}`,
    "--format=tar",
    ...(packages.length > 0 ? [`--include=${packages.join(",")}`] : []),
    `--customize-hook=for file in "$1"/var/lib/apt/lists/*Release; do echo "pavlos-release $(sha256sum <"$file")" >&2; done`,
    suite,
    "-",
    ...(mirror === null ? [] : [mirror]),
  ]);
}

/** Nothing of the caller's but what leads to the archive. */
function variables(env: Tools["env"]): Record<string, string> {
  const passed = ["PATH", "HOME", "TMPDIR", "SOURCE_DATE_EPOCH", "http_proxy", "https_proxy", "no_proxy"];
  const given = passed.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...Object.fromEntries(given) };
}

const placeOf = ({ environment, context }: Pick<StackRequest, "environment" | "context">, field: string) =>
  context.place(
    environment.name,
    environment.rootfs.kind === "build" ? "rootfs.from" : `rootfs.bootstrap${field}`,
  );

/** mmdebstrap's last words as a problem at the field that they are about. */
export function explained(request: StackRequest<Bootstrap>, lines: readonly string[]): Problem {
  const { suite, mirror, packages } = request.rootfs;
  const said = lines.filter((line) => !line.startsWith("pavlos-release "));
  const text = said.join("\n");
  const missing = /Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate/.exec(
    text,
  );
  const from = mirror === null ? "" : ` at ${mirror}`;
  if (missing !== null)
    return {
      code: "unknown-package",
      message: `${suite} has no package ${missing[1] ?? missing[2]}${from}`,
      place: placeOf(request, packages.length > 0 ? ".packages" : ""),
      hint: "correct the name (`apt-cache search` and packages.debian.org know them), or choose another suite",
    };
  if (/does not have a Release file|404|unknown suite|no such suite/i.test(text))
    return {
      code: "unknown-suite",
      message: `there is no release ${suite}${from || " in the distribution's archive"}`,
      place: placeOf(request, ".suite"),
      expected: "a release such as bookworm, trixie, jammy or noble, or busybox",
      hint: "for a distribution other than Debian and Ubuntu name its archive in `mirror`",
    };
  if (/NO_PUBKEY|not signed|keyring/i.test(text))
    return {
      code: "keyring-missing",
      message: `the signature of ${suite} cannot be verified: this machine lacks the distribution's keys`,
      place: placeOf(request, ".suite"),
      hint: "install them: sudo apt-get install ubuntu-keyring (or debian-archive-keyring)",
    };
  return {
    code: "bootstrap-failed",
    message: `${suite} cannot be bootstrapped; mmdebstrap's last words:`,
    output: said.filter((line) => line.trim() !== "").slice(-8),
    place: placeOf(request, ""),
    hint: "check the network and `mirror`, then run the command again",
  };
}
