import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../../../src/providers/rootfs/image/registry/challenge.ts";
import { authFiles, findCredentials } from "../../../../src/providers/rootfs/image/registry/credentials.ts";
import { basic, logins, readerOf, surroundings } from "./support.ts";

const find = (
  files: Readonly<Record<string, string>>,
  registry: string,
  repository = "a/b",
  more: object = {},
) => findCredentials({ ...surroundings({ readText: readerOf(files) }), ...more }, registry, repository);
const docker = "/nonexistent/.docker/config.json";
const login = (user: string) => ({ auth: basic(user, "p") });

describe("credentials", () => {
  it("come from these files, in this order", () => {
    const env = { REGISTRY_AUTH_FILE: "/named.json", XDG_RUNTIME_DIR: "/run/user/7" };
    expect(authFiles(surroundings({ env, home: "/home/me" }))).toEqual([
      "/named.json",
      "/run/user/7/containers/auth.json",
      "/home/me/.config/containers/auth.json",
      "/home/me/.docker/config.json",
      "/home/me/.dockercfg",
    ]);
  });

  it("of an earlier file win", async () => {
    const files = {
      "/run/user/1000/containers/auth.json": JSON.stringify({ auths: { "ghcr.io": login("first") } }),
      [docker]: JSON.stringify({ auths: { "ghcr.io": login("second") } }),
    };
    expect(await find(files, "ghcr.io")).toMatchObject({ username: "first" });
  });

  it("of the most specific path win", async () => {
    const auths = {
      "ghcr.io": login("host"),
      "ghcr.io/a": login("owner"),
      "ghcr.io/a/b": login("name"),
      "ghcr.io/a/bc": login("no"),
    };
    const files = { [docker]: JSON.stringify({ auths }) };
    expect(await find(files, "ghcr.io", "a/b")).toMatchObject({ username: "name" });
    expect(await find(files, "ghcr.io", "a/c")).toMatchObject({ username: "owner" });
    expect(await find(files, "ghcr.io", "x")).toMatchObject({ username: "host" });
    expect(await find(files, "quay.io", "x")).toBeNull();
  });

  it.each(["https://index.docker.io/v1/", "index.docker.io", "docker.io"])(
    "of Docker Hub are found under %s",
    async (key) => {
      expect(
        await find(
          { [docker]: JSON.stringify({ auths: { [key]: login("hub") } }) },
          "docker.io",
          "library/debian",
        ),
      ).toMatchObject({ username: "hub" });
    },
  );

  it("may be NGC's, whose user is $oauthtoken, and passwords with colons", async () => {
    const files = {
      [docker]: JSON.stringify({ auths: { "nvcr.io": { auth: basic("$oauthtoken", "a:b") } } }),
    };
    expect(await find(files, "nvcr.io")).toEqual({ kind: "basic", username: "$oauthtoken", password: "a:b" });
  });

  it("may be tokens", async () => {
    const auths = { "a.io": { identitytoken: "i", auth: basic("u", "") }, "b.io": { registrytoken: "r" } };
    expect(await find({ [docker]: JSON.stringify({ auths }) }, "a.io")).toEqual({
      kind: "identity",
      token: "i",
    });
    expect(await find({ [docker]: JSON.stringify({ auths }) }, "b.io")).toEqual({
      kind: "bearer",
      token: "r",
    });
  });

  it("may be in docker's old file", async () => {
    const files = { "/nonexistent/.dockercfg": JSON.stringify({ "https://quay.io/v1/": login("old") }) };
    expect(await find(files, "quay.io")).toMatchObject({ username: "old" });
  });

  it("are asked of a helper", async () => {
    const asked: string[] = [];
    const helper = async (name: string, server: string) => {
      asked.push(`${name} ${server}`);
      return { kind: "found" as const, username: server.includes("token") ? "<token>" : "u", secret: "s" };
    };
    const files = {
      [docker]: JSON.stringify({
        auths: {},
        credHelpers: { "a.io": "ecr", "token.io": "ecr" },
        credsStore: "pass",
      }),
    };
    expect(await find(files, "a.io", "x", { helper })).toEqual({
      kind: "basic",
      username: "u",
      password: "s",
    });
    expect(await find(files, "token.io", "x", { helper })).toEqual({ kind: "identity", token: "s" });
    expect(await find(files, "docker.io", "library/x", { helper })).toMatchObject({ username: "u" });
    expect(asked).toEqual(["ecr a.io", "ecr token.io", "pass https://index.docker.io/v1/"]);
  });

  it("of a helper that is missing are a failure that names the file", async () => {
    const read = logins({}, { credHelpers: { "a.io": "nowhere-to-be-found" } });
    await expect(findCredentials(surroundings({ readText: read }), "a.io", "x")).rejects.toThrow(
      `docker-credential-nowhere-to-be-found, which ${docker} names, gave no login for a.io: it is not installed`,
    );
  });

  it.each(["{", "[]", '"x"'])("in a file that holds %s are a failure without its text", async (text) => {
    await expect(find({ [docker]: text }, "a.io")).rejects.toThrow("cannot be read: it is not JSON");
  });
});

describe("challenges", () => {
  it.each([
    [
      'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
      [["bearer", { realm: "https://a/t", service: "s", scope: "repository:x:pull,push" }]],
    ],
    ['bEaReR realm="a\\"b" , service=s', [["bearer", { realm: 'a"b', service: "s" }]]],
    [
      'Basic realm="x", Bearer realm="y",service="z"',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y", service: "z" }],
      ],
    ],
    ["Negotiate", [["negotiate", {}]]],
    ["", []],
    ["=,;", []],
  ])("%s", (header, expected) => {
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, parameters])).toEqual(expected);
  });
});
