import { dirname, resolve } from "node:path";
import { realFiles } from "../host/real-files.ts";
import { trees } from "../host/trees.ts";
import { failure, success } from "../model/result.ts";
import { renderGpus } from "../ui/gpus.ts";
import { exitCodes, textOption, type Verb } from "./invocation.ts";
import { openPlace, openTools } from "./session.ts";

/** `pavlos gpu`: the GPUs of this machine; `pavlos gpu cdi`: a CDI file of them for other engines. */
export const gpu: Verb = async (invocation) => {
  const [action] = invocation.args;
  const { globals, terminal } = invocation;
  const place = openPlace();
  const tools = place.ok ? openTools(place.value) : place;
  if (!tools.ok) return tools;
  const { cdiOfMachine, listGpus } = await import("../providers/devices/list.ts");
  if (action === undefined) {
    const rows = listGpus(tools.value);
    if (globals.json) terminal.out(JSON.stringify(rows, null, 2));
    else if (globals.quiet) for (const { uuid, busId } of rows) terminal.out(uuid ?? busId);
    else if (rows.length === 0)
      terminal.err("No NVIDIA driver is loaded here (/proc/driver/nvidia/version).");
    else terminal.out(renderGpus(rows, terminal.outStyle));
    return success(exitCodes.fine);
  }
  if (action !== "cdi")
    return failure([
      {
        code: "unknown-action",
        message: `gpu has no action \`${action}\``,
        place: null,
        expected: "nothing, or `cdi`",
      },
    ]);
  const cdi = cdiOfMachine(tools.value);
  if (cdi === null)
    return failure([
      {
        code: "driver-missing",
        message: "there are no NVIDIA GPUs to write a CDI file of",
        place: null,
        hint: "`cat /proc/driver/nvidia/version` shows whether the driver is loaded",
      },
    ]);
  const text = `${JSON.stringify(cdi, null, 2)}\n`;
  const output = textOption(invocation, "output");
  if (output === null) terminal.out(text.trimEnd());
  else {
    const path = resolve(output);
    realFiles.makeDirectory(dirname(path), 0o755);
    // Engines of other users read it too.
    trees.writePublic(path, text);
    terminal.err(`wrote ${output}; \`podman run --device nvidia.com/gpu=all ...\` uses it from /etc/cdi`);
  }
  return success(exitCodes.fine);
};
