import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import type { LayerFiles, LayerId } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import { commitLayers, dropStaged, stageLayer } from "../store/stage.ts";
import { unpackInto } from "../store/unpack.ts";
import type { Request } from "./archive.ts";

/** An archive on this disk that is to become a layer. */
export interface Source {
  readonly file: string;
  /** Hex digest that its bytes must have; null: any. */
  readonly sha256: string | null;
}

/** An archive is a root as a whole: the same bytes as a layer of an image mean something else. */
export const archiveLayer = (sha256: string): LayerId => `archive-${sha256}`;

/** Unpacks an archive into the store and gives its digest. */
export async function unpackArchive(
  tools: Tools,
  source: Source,
  request: Request,
): Promise<Result<string, Problem>> {
  const place = request.context.place(request.environment.name, "rootfs.archive");
  const staged = await stageLayer(tools);
  if (!staged.ok) return failure({ ...staged.failure, place });
  const done = await fill(tools, staged.value, { source, request });
  if (done.ok) return done;
  await dropStaged(tools, [staged.value]);
  return failure({ ...done.failure, place });
}

interface Filling {
  readonly source: Source;
  readonly request: Request;
}

async function fill(
  tools: Tools,
  staged: LayerFiles,
  { source: { file, sha256 }, request }: Filling,
): Promise<Result<string, Problem>> {
  const what = `the archive ${file}`;
  const unpacked = await unpackInto(tools, staged, {
    kind: "archive",
    from: file,
    what,
    progress: report(request, file),
  });
  if (!unpacked.ok) return unpacked;
  const found = unpacked.value.sha256;
  if (sha256 !== null && sha256 !== found) return failure(wrongDigest(file, sha256, found));
  leaseLayers(tools, [archiveLayer(found)]);
  const kept = await commitLayers(tools, [{ staged, id: archiveLayer(found) }]);
  return kept.ok ? success(found) : kept;
}

export const wrongDigest = (what: string, wanted: string, found: string): Problem => ({
  code: "archive-digest",
  message: `${what} has the sha256 ${found}, not ${wanted}`,
  place: null,
  expected: "the archive that rootfs.sha256 or pavlos.lock names",
  hint: "fetch the archive again; if the new one is right, correct rootfs.sha256 or run `pavlos update`",
});

function report({ environment, context }: Request, file: string): (done: number) => void {
  const total = trees.stats(file)?.size ?? null;
  return (done) =>
    context.report({ kind: "progress", environment: environment.name, what: "unpack", done, total });
}
