import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { type ImageRow, renderDamages, renderImages } from "../ui/store.ts";
import { exitCodes, type Invocation, type Verb } from "./invocation.ts";
import { openPlace, openTools } from "./session.ts";

/** `pavlos images`: what the store has; `pavlos images verify [--repair]`: whether it is still sound. */
export const images: Verb = async (invocation) => {
  const [action] = invocation.args;
  if (action === undefined) return await list(invocation);
  if (action === "verify") return await verify(invocation);
  return failure([
    {
      code: "unknown-action",
      message: `images has no action \`${action}\``,
      place: null,
      expected: "nothing, or `verify`",
    },
  ]);
};

function toolsHere() {
  const place = openPlace();
  return place.ok ? openTools(place.value) : place;
}

async function list({ globals, terminal }: Invocation): Promise<Result<number, readonly Problem[]>> {
  const tools = toolsHere();
  if (!tools.ok) return tools;
  const { imageStack, listImages } = await import("../providers/rootfs/store/images.ts");
  const { readUsers } = await import("../providers/rootfs/store/roots.ts");
  const users = readUsers(tools.value);
  const rows = listImages(tools.value).map(
    (image): ImageRow => ({
      reference: image.reference,
      digest: image.digest,
      platform: image.platform,
      layers: image.layers.length,
      size: image.size,
      pulledAt: image.pulledAt,
      complete: imageStack(tools.value, image) !== null,
      usedBy: users.filter(({ key }) => key === image.digest).map(({ environment }) => environment),
    }),
  );
  if (globals.json) terminal.out(JSON.stringify({ version: 1, images: rows }, null, 2));
  else if (globals.quiet) for (const { digest } of rows) terminal.out(digest);
  else if (rows.length === 0)
    terminal.err("No images yet: an environment with `rootfs: {image: ...}` fetches one.");
  else terminal.out(renderImages(rows, { style: terminal.outStyle, now: new Date() }));
  return success(exitCodes.fine);
}

async function verify({
  options,
  globals,
  terminal,
}: Invocation): Promise<Result<number, readonly Problem[]>> {
  const tools = toolsHere();
  if (!tools.ok) return tools;
  const { takeOut, verifyStore } = await import("../providers/rootfs/store/verify.ts");
  const found = await verifyStore(tools.value);
  if (!found.ok) return failure([found.failure]);
  const { damages } = found.value;
  const repair = options.repair === true && damages.length > 0;
  const kept = repair ? await takeOut(tools.value, damages) : damages;
  if (globals.json) {
    const repaired = damages.filter((damage) => !kept.includes(damage)).map(({ name }) => name);
    terminal.out(JSON.stringify({ version: 1, ...found.value, repaired }, null, 2));
  } else terminal.out(renderDamages(found.value, { kept, repair }, terminal.outStyle));
  return success(kept.length === 0 ? exitCodes.fine : exitCodes.failed);
}
