import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { reasonOf } from "../host/errno.ts";
import { realFiles } from "../host/real-files.ts";
import { hasSystemd, lingers, systemctl } from "../host/systemd.ts";
import { trees } from "../host/trees.ts";
import { failure, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { type UnitRequest, unitText } from "./enable/unit.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { findProject } from "./projects.ts";
import { openProject, type Project } from "./session.ts";

/** `pavlos enable`: a systemd unit that applies this project at boot. As root the machine's, else the user's. */
export const enable: Verb = async (invocation) => {
  const { options, terminal, globals } = invocation;
  // Read here: a file that cannot be applied would only fail at the next boot, when nobody looks.
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const request = requestOf(invocation, project.value);
  if (request === null) return failure([noProgram]);
  const text = unitText(request);
  if (options.print === true) {
    terminal.out(text.trimEnd());
    return success(0);
  }
  const place = placeOf(project.value);
  if (!hasSystemd()) return failure([noSystemd]);
  const written =
    write(place.path, text) ?? start(place, ["daemon-reload"]) ?? start(place, ["enable", place.unit]);
  if (written !== null) return failure([written]);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, unit: place.unit, file: place.path }, null, 2));
  else if (!globals.quiet)
    terminal.out(`${place.unit} applies ${project.value.identity.name} at boot (${place.path})`);
  const { name } = project.value.host.caller;
  if (place.manager === "user" && !lingers(name))
    terminal.err(
      `! your services start with your login; from the boot on: sudo loginctl enable-linger ${name}`,
    );
  return success(0);
};

/** `pavlos disable`: removes it again; what runs goes on. */
export const disable: Verb = async (invocation) => {
  const { terminal, globals } = invocation;
  const project = await findProject(invocation);
  if (!project.ok) return project;
  const place = placeOf(project.value);
  if (realFiles.status(place.path) === null) {
    if (!globals.quiet && !globals.json) terminal.out("Nothing to disable: this project has no unit.");
    else if (globals.json) terminal.out(JSON.stringify({ version: 1, removed: null }, null, 2));
    return success(0);
  }
  // Without systemd the file is all there is.
  const disabled = hasSystemd() ? start(place, ["disable", place.unit]) : null;
  if (disabled !== null) return failure([disabled]);
  await realFiles.remove(place.path);
  const reloaded = hasSystemd() ? start(place, ["daemon-reload"]) : null;
  if (reloaded !== null) return failure([reloaded]);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, removed: place.unit }, null, 2));
  else if (!globals.quiet) terminal.out(`removed ${place.unit}; what runs goes on`);
  return success(0);
};

interface UnitPlace {
  readonly manager: "system" | "user";
  readonly unit: string;
  readonly path: string;
}

/** The id, not the name: two clones have a unit each. */
function placeOf({ identity, host }: Project): UnitPlace {
  const unit = `pavlos-${identity.id}.service`;
  if (host.caller.uid === 0) return { manager: "system", unit, path: join("/etc/systemd/system", unit) };
  const config = process.env.XDG_CONFIG_HOME || join(host.caller.home, ".config");
  return { manager: "user", unit, path: join(config, "systemd/user", unit) };
}

/** Null: bin/pavlos is not where it should be. */
function requestOf({ globals }: Invocation, { identity, host }: Project): UnitRequest | null {
  const program = ["../bin/pavlos", "../../bin/pavlos"]
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => realFiles.status(path) !== null);
  if (program === undefined) return null;
  const files = globals.files.flatMap((file) => ["-f", resolve(file)]);
  const profiles = globals.profiles.flatMap((profile) => ["--profile", profile]);
  const kept = ["PATH", "PAVLOS_HOME", "PAVLOS_NATIVE", "XDG_DATA_HOME", "PAVLOS_DRIVER_ROOT"];
  const environment = kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]] as const] : []));
  return {
    manager: host.caller.uid === 0 ? "system" : "user",
    project: identity.name,
    root: identity.root,
    program,
    options: [...files, ...profiles],
    environment: Object.fromEntries(environment),
  };
}

function write(path: string, text: string): Problem | null {
  try {
    trees.makeDirectory(join(path, ".."), 0o755);
    trees.writePublic(path, text);
    return null;
  } catch (error) {
    return {
      code: "unit-not-written",
      message: `${path} cannot be written: ${reasonOf(error)}`,
      place: null,
    };
  }
}

function start({ manager }: UnitPlace, args: readonly string[]): Problem | null {
  const said = systemctl(manager, args);
  if (said === null) return null;
  return {
    code: "systemctl-failed",
    message: `systemctl ${args.join(" ")} failed: ${said}`,
    place: null,
    hint: "`systemctl status` tells whether systemd answers; as an ordinary user it needs a login session",
  };
}

const noSystemd: Problem = {
  code: "systemd-missing",
  message: "this machine is not run by systemd: nothing starts units at boot",
  place: null,
  hint: "run `pavlos apply --yes` in the project from what starts programs here; `pavlos enable --print` shows the unit",
};

const noProgram: Problem = {
  code: "program-missing",
  message: "bin/pavlos is not beside the program that runs",
  place: null,
  hint: "install the package anew",
};
