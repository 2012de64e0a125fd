import { basename, isAbsolute, join, normalize } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { CopyStep, PackagesStep } from "../../../model/build.ts";
import { copyPlaces } from "./mounts.ts";
import type { StepState } from "./plan.ts";

/** argv of a copy step, inside. */
export function copyCommand(step: CopyStep, state: StepState): readonly string[] {
  return [
    copyPlaces.program,
    "copy",
    "--list",
    copyPlaces.list,
    ...(step.owner === null ? [] : ["--owner", step.owner]),
    ...(step.mode === null ? [] : ["--mode", step.mode.toString(8)]),
    copyPlaces.source,
    targetOf(step, state, trees.isDirectory(step.from) ? "directory" : "file"),
  ];
}

/** A directory's entries go into the target; a file becomes it, or goes into it when it ends in a slash. */
export function targetOf({ from, to }: CopyStep, { workdir }: StepState, kind: "file" | "directory"): string {
  const path = isAbsolute(to) ? to : join(workdir ?? "/", to);
  const intoDirectory = kind === "file" && (/\/\.?$/.test(to) || to === ".");
  return normalize(intoDirectory ? join(path, basename(from)) : path).replace(/(?<=.)\/$/, "");
}

/** argv of a packages step: with the package manager that the root has. */
export const packagesCommand = ({ packages }: PackagesStep): readonly string[] => [
  "/bin/sh",
  "-ec",
  installScript,
  "packages",
  ...packages,
];

const installScript = `
if command -v apt-get >/dev/null; then
  # The sandbox of apt wants a second user, which not every mapping has.
  apt-get -q -o APT::Sandbox::User=root update
  DEBIAN_FRONTEND=noninteractive exec apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
elif command -v apk >/dev/null; then exec apk add --no-cache "$@"
elif command -v dnf >/dev/null; then exec dnf -y install "$@"
elif command -v microdnf >/dev/null; then exec microdnf -y install "$@"
elif command -v zypper >/dev/null; then exec zypper --non-interactive install "$@"
fi
echo "no package manager that Pavlos knows is in this root (apt-get, apk, dnf, microdnf, zypper)" >&2
exit 1
`;
