import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { allCapabilities } from "../../src/oci/capabilities.ts";
import { configOf, printConfig } from "../../src/oci/config.ts";
import { identityOf } from "../../src/oci/identity.ts";
import { host, me } from "../providers/support.ts";
import { environment } from "../reconcile/support/environments.ts";

const schemaFolder = new URL("../../schema/", import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, schemaFolder), "utf8"));
const schemaOf = (name: string) =>
  z.fromJSONSchema(read(`${name}.schema.json`) as Parameters<typeof z.fromJSONSchema>[0]);
const config = schemaOf("oci-runtime");
const supervise = schemaOf("supervise");

const cases = (kind: string) =>
  readdirSync(new URL(`corpus/${kind}/`, schemaFolder))
    .filter((name) => /^(config|supervise)-/.test(name))
    .map((name) => ({
      name,
      document: read(`corpus/${kind}/${name}`),
      schema: name.startsWith("config-") ? config : supervise,
    }));

describe("the corpus of bundles", () => {
  it.each(cases("valid"))("accepts $name", ({ document, schema }) => {
    expect(schema.safeParse(document).error?.issues ?? []).toEqual([]);
  });

  it.each(cases("invalid"))("refuses $name", ({ document, schema }) => {
    expect(schema.safeParse(document).success).toBe(false);
  });

  it.each([
    ["root", host()],
    ["a user with subordinate ids", host(me)],
    ["a user without", host({ ...me, subuids: [], subgids: [] })],
  ])("has a place for everything that Pavlos writes for %s", (_, machine) => {
    const spec = environment("web", {
      command: ["sleep", "1"],
      tty: true,
      resources: {
        ...environment("web").resources,
        ulimits: { nofile: { soft: 1024, hard: "unlimited" } },
        oomScore: 100,
      },
    });
    const identity = identityOf(spec, machine);
    if (!identity.ok) throw new Error(identity.failure.message);
    const made = configOf({
      environment: spec,
      identity: identity.value,
      host: machine,
      contributions: [{ mounts: [{ destination: "/", type: "overlay", options: ["lowerdir=/x"] }] }],
      containerId: "demo-web",
      capabilities: allCapabilities,
      seccomp: { defaultAction: "SCMP_ACT_ALLOW" },
      term: "xterm",
    });
    expect(config.safeParse(JSON.parse(printConfig(made))).error?.issues ?? []).toEqual([]);
    expect(printConfig(made)).toContain('"hard":18446744073709551615');
    expect(made.mounts[0]?.destination).toBe("/");
  });
});
