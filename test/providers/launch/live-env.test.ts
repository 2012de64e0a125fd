import { describe, expect, it } from "vitest";
import { readHostFacts } from "../../../src/host/facts.ts";
import { changeVariables } from "../../../src/providers/launch/live-env.ts";
import type { Context } from "../../../src/providers/provider.ts";
import type { Tools } from "../../../src/providers/tools.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";
import { environment, project } from "../../reconcile/support/environments.ts";
import { freeFlock, noLocks } from "../support.ts";

describe("variables of a running environment", () => {
  const bundle = `/data/environments/${project.id}/web/bundle`;
  const config = `${bundle}/config.json`;
  const root = { uid: 0, gid: 0, env: {} };
  const context: Context = {
    project,
    place: () => null,
    report: () => undefined,
    signal: new AbortController().signal,
  };

  function start(env: readonly string[]) {
    const files = memoryFiles();
    files.makeDirectory(bundle, 0o755);
    // As printed: no JavaScript number is RLIM_INFINITY.
    const rlimits = '[{"type":"RLIMIT_NOFILE","soft":18446744073709551615,"hard":1}]';
    files.replace(config, `{"process":{"env":${JSON.stringify(env)},"rlimits":${rlimits}}}`);
    const paths = { data: "/data", run: "/run" };
    const tools: Tools = {
      host: readHostFacts(files, root),
      paths,
      files,
      env: {},
      flock: freeFlock,
      lockFile: noLocks,
      native: { run: async () => ({ code: 125, stdout: "", stderr: "not needed" }) },
    };
    const text = () => files.readText(config) ?? "";
    return { tools, text, variables: () => JSON.parse(text()).process.env as string[] };
  }

  it("are set, changed and removed for the next shell, and nothing else is touched", async () => {
    const { tools, text, variables } = start(["PATH=/bin", "FROM_PROVIDER=1", "OLD=1", "PORT=1"]);
    const wanted = environment("web", { env: { PORT: "2", NEW: "a=b" } });
    const paths = ["env.PORT", "env.NEW", "env.OLD"];
    expect(await changeVariables(tools, wanted, { context, paths })).toMatchObject({ ok: true });
    expect(variables()).toEqual(["PATH=/bin", "FROM_PROVIDER=1", "PORT=2", "NEW=a=b"]);
    expect(text()).toContain('"soft":18446744073709551615');
  });

  it("fall back to Pavlos's own value when the file's is removed", async () => {
    const { tools, variables } = start(["PATH=/opt/bin"]);
    await changeVariables(tools, environment("web"), { context, paths: ["env.PATH"] });
    expect(variables()).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
  });

  it("are a problem where there is no bundle to write them to", async () => {
    const { tools } = start([]);
    const result = await changeVariables(tools, environment("other"), { context, paths: ["env.A"] });
    expect(result.ok).toBe(false);
  });
});
