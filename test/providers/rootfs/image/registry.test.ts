import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ImageFailure } from "../../../../src/providers/rootfs/image/failure.ts";
import { type FakeRegistry, fakeRegistry, json, refuse } from "../../../support/fake-registry.ts";
import { type Image, image, types } from "../../../support/oci.ts";
import { basic, logins, open, surroundings } from "./support.ts";

let registry: FakeRegistry;
let sample: Image;

beforeEach(async () => {
  registry = await fakeRegistry();
  sample = image({ layers: [[{ path: "a", content: "a" }]] });
  registry.push("a/b", "12", sample);
});

afterEach(() => registry.close());

const failureOf = async (work: Promise<unknown>): Promise<ImageFailure> => {
  const error = await work.then(
    () => new Error("it worked"),
    (reason: unknown) => reason,
  );
  if (error instanceof ImageFailure) return error;
  throw error;
};

describe("manifests of a registry", () => {
  it("come by tag and by digest", async () => {
    const source = await open(`${registry.host}/a/b:12`);
    expect((await source.manifest(null)).bytes).toEqual(sample.manifest.bytes);
    expect((await source.manifest(sample.manifest.descriptor.digest)).contentType).toBe(types.manifest);
    await source.close();
  });

  it("are refused when their bytes are not what the digest says, whatever the server's header claims", async () => {
    const { digest } = sample.manifest.descriptor;
    registry.script = (request, response) => {
      if (!request.url?.includes("sha256:")) return false;
      response.setHeader("docker-content-digest", digest);
      response.end("{}");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await failureOf(source.manifest(digest))).code).toBe("image-digest");
    await source.close();
  });

  it("of a wrong tag: the tags that exist are named, the nearest first", async () => {
    for (const tag of ["12-slim", "11", "bookworm", "1.2"]) registry.push("a/b", tag, sample);
    const source = await open(`${registry.host}/a/b:13`);
    const failure = await failureOf(source.manifest(null));
    expect(failure).toMatchObject({
      code: "image-tag-missing",
      hint: expect.stringMatching(/did you mean `1[12]`/),
    });
    expect(failure.message).toContain("MANIFEST_UNKNOWN: manifest unknown");
    expect(failure.expected).toMatch(/12.*bookworm/);
    await source.close();
  });

  it("of a repository that does not exist: the registry's answer", async () => {
    const source = await open(`${registry.host}/nobody/here:1`);
    const failure = await failureOf(source.manifest(null));
    expect(failure.code).toBe("image-missing");
    expect(failure.message).toContain("manifest unknown");
    await source.close();
  });

  it("larger than a manifest can be are not read on", async () => {
    registry.script = (_, response) => {
      response.setHeader("content-type", types.manifest);
      response.end(Buffer.alloc(5 << 20, 32));
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await failureOf(source.manifest(null))).message).toContain("larger than 4 MiB");
    await source.close();
  });

  it("of a registry that is down say so at once", async () => {
    const waits: number[] = [];
    await registry.close();
    const source = await open(`${registry.host}/a/b:12`, { surroundings: surroundings({ waits }) });
    const failure = await failureOf(source.manifest(null));
    expect(failure).toMatchObject({ code: "registry-unreachable" });
    expect(failure.message).toContain("nothing listens there");
    expect(waits).toEqual([]);
    await source.close();
  });
});

describe("what passes is tried again", () => {
  it.each([500, 502, 503, 504])("status %d", async (status) => {
    const waits: number[] = [];
    let left = 3;
    registry.script = (_, response) => {
      if (left-- <= 0) return false;
      refuse(response, status, "X", "x");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`, { surroundings: surroundings({ waits }) });
    await source.manifest(null);
    expect(waits).toEqual([2000, 4000, 8000]);
    await source.close();
  });

  it("five times, not more", async () => {
    registry.script = (_, response) => {
      refuse(response, 503, "UNAVAILABLE", "down for a moment");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await failureOf(source.manifest(null))).message).toContain("down for a moment");
    expect(registry.requests).toHaveLength(5);
    await source.close();
  });

  it("429 after as long as the server asks, in seconds or as a date", async () => {
    const waits: number[] = [];
    const answers = ["7", new Date(Date.now() + 20_000).toUTCString()];
    registry.script = (_, response) => {
      const after = answers.shift();
      if (after === undefined) return false;
      response.setHeader("retry-after", after);
      refuse(response, 429, "TOOMANYREQUESTS", "slow down");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`, { surroundings: surroundings({ waits }) });
    await source.manifest(null);
    expect(waits[0]).toBe(7000);
    expect(waits[1]).toBeGreaterThan(10_000);
    expect(waits[1]).toBeLessThanOrEqual(20_000);
    await source.close();
  });

  it("but not when it would take an hour", async () => {
    registry.script = (_, response) => {
      response.setHeader("retry-after", "3600");
      refuse(response, 429, "TOOMANYREQUESTS", "pull rate limit");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect(await failureOf(source.manifest(null))).toMatchObject({ code: "registry-limit" });
    expect(registry.requests).toHaveLength(1);
    await source.close();
  });

  it("a connection that dies before its answer", async () => {
    let left = 2;
    registry.script = (request) => {
      if (left-- <= 0) return false;
      request.socket.destroy();
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await source.manifest(null)).bytes).toEqual(sample.manifest.bytes);
    await source.close();
  });
});

describe("logins", () => {
  /** Wants a token of its own; tokens are given to whoever has the password, or to everybody. */
  const bearer = (options: {
    readonly scheme?: string;
    readonly field?: string;
    readonly password?: string;
    readonly status?: number;
    readonly challenge?: string;
    readonly body?: string;
  }) => {
    let issued = 0;
    const tokens: string[] = [];
    registry.script = (request, response) => {
      const url = new URL(request.url ?? "", `http://${registry.host}`);
      if (url.pathname === "/token") {
        const given = request.headers.authorization;
        const wanted = options.password === undefined ? undefined : `Basic ${basic("me", options.password)}`;
        if (wanted !== given) refuse(response, 401, "UNAUTHORIZED", "wrong password");
        else {
          tokens.push(url.search);
          json(response, { [options.field ?? "token"]: `t${++issued}` });
        }
        return true;
      }
      const first = options.status !== undefined && issued < 2;
      if (request.headers.authorization === `Bearer t${issued}` && issued > 0 && !first) return false;
      const realm = `realm="http://${registry.host}/token",service="s"`;
      const challenge = options.challenge ?? "";
      response.setHeader("www-authenticate", `${options.scheme ?? "Bearer"} ${realm}${challenge}`);
      const status = issued === 0 ? 401 : (options.status ?? 401);
      if (options.body !== undefined && issued > 0) response.writeHead(status).end(options.body);
      else refuse(response, status, "UNAUTHORIZED", "authentication required");
      return true;
    };
    return tokens;
  };
  const withLogin = (password: string) =>
    surroundings({ readText: logins({ [registry.host]: { auth: basic("me", password) } }) });

  it.each([
    ["a token", {}],
    ["an access_token", { field: "access_token" }],
    ["a scheme in capitals", { scheme: "BEARER" }],
    ["a scheme in small letters", { scheme: "bearer" }],
    ["a scope of the server's own", { challenge: ',scope="repository:a/b:pull,push"' }],
  ])("with %s", async (_, options) => {
    const tokens = bearer(options);
    const source = await open(`${registry.host}/a/b:12`);
    await source.manifest(null);
    await source.manifest(null);
    expect(tokens).toHaveLength(1);
    const scope = new URLSearchParams(tokens[0]).get("scope");
    expect(scope).toBe("challenge" in options ? "repository:a/b:pull,push" : "repository:a/b:pull");
    await source.close();
  });

  it("with a password for the token", async () => {
    bearer({ password: "secret" });
    const source = await open(`${registry.host}/a/b:12`, { surroundings: withLogin("secret") });
    await source.manifest(null);
    await source.close();
  });

  it("with a wrong password say so, and not the password", async () => {
    bearer({ password: "secret" });
    const source = await open(`${registry.host}/a/b:12`, { surroundings: withLogin("wrong") });
    const failure = await failureOf(source.manifest(null));
    expect(failure.code).toBe("registry-denied");
    expect(failure.message).toContain("wrong password");
    expect(JSON.stringify({ ...failure, message: failure.message })).not.toContain(basic("me", "wrong"));
    await source.close();
  });

  it("that are missing say how to log in", async () => {
    bearer({ password: "secret" });
    const source = await open(`${registry.host}/a/b:12`);
    const failure = await failureOf(source.manifest(null));
    expect(failure.code).toBe("registry-login-needed");
    expect(failure.hint).toContain(`docker login ${registry.host}`);
    await source.close();
  });

  it("with basic", async () => {
    registry.script = (request, response) => {
      if (request.headers.authorization === `Basic ${basic("me", "secret")}`) return false;
      response.setHeader("www-authenticate", 'basic realm="x"');
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`, { surroundings: withLogin("secret") });
    await source.manifest(null);
    await source.close();
  });

  it("again for a scope that was too small (403)", async () => {
    bearer({ status: 403, challenge: ',error="insufficient_scope",scope="repository:a/b:pull"' });
    const source = await open(`${registry.host}/a/b:12`);
    await source.manifest(null);
    await source.close();
  });

  it("again for a token that has expired (400)", async () => {
    bearer({ status: 400, body: "Your authorization token has expired. Reauthenticate and try again." });
    const source = await open(`${registry.host}/a/b:12`);
    await source.manifest(null);
    await source.close();
  });

  it("once for many layers at a time", async () => {
    const tokens = bearer({});
    const source = await open(`${registry.host}/a/b:12`);
    await Promise.all(Array.from({ length: 8 }, () => source.manifest(null)));
    expect(tokens).toHaveLength(1);
    await source.close();
  });

  it("never go to the host that a redirect leads to", async () => {
    const other = await fakeRegistry();
    other.putBlob("x", sample.layers[0] as Image["config"]);
    registry.script = (request, response) => {
      if (request.headers.authorization !== `Basic ${basic("me", "secret")}`) {
        response.setHeader("www-authenticate", "Basic");
        refuse(response, 401, "UNAUTHORIZED", "");
        return true;
      }
      if (!request.url?.includes("/blobs/")) return false;
      response
        .writeHead(307, { location: `http://${other.host}/v2/x/blobs/${request.url.split("/").at(-1)}` })
        .end();
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`, { surroundings: withLogin("secret") });
    const layer = sample.layers[0] as Image["config"];
    const opened = await source.open(
      { ...layer.descriptor, urls: [], data: null, platform: null, annotations: {} },
      { start: 0, end: null },
    );
    const chunks: Buffer[] = [];
    for await (const chunk of opened.body) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(layer.bytes);
    expect(other.requests).toMatchObject([{ authorization: undefined }]);
    await source.close();
    await other.close();
  });
});

describe("redirects", () => {
  it("to plain http elsewhere are refused", async () => {
    registry.script = (_, response) => {
      response.writeHead(302, { location: "http://example.invalid/x" }).end();
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await failureOf(source.manifest(null))).message).toContain("not encrypted");
    await source.close();
  });

  it("in a circle end", async () => {
    registry.script = (request, response) => {
      response.writeHead(302, { location: request.url ?? "" }).end();
      return true;
    };
    const source = await open(`${registry.host}/a/b:12`);
    expect((await failureOf(source.manifest(null))).message).toContain("more than 10 times");
    await source.close();
  });
});

describe("mirrors", () => {
  const machine = (text: string) =>
    surroundings({ readText: (path) => (path === "/etc/containers/registries.conf" ? text : null) });

  it("are asked first, and passed over when they fail", async () => {
    const mirror = await fakeRegistry();
    const text = `[[registry]]\nprefix = "example.invalid/team"\nlocation = "${registry.host}/a"\n[[registry.mirror]]\nlocation = "${mirror.host}/cache"\n`;
    const source = await open("example.invalid/team/b:12", { surroundings: machine(text) });
    expect((await source.manifest(null)).bytes).toEqual(sample.manifest.bytes);
    expect(mirror.requests[0]?.url).toBe("/v2/cache/b/manifests/12");
    mirror.push("cache/b", "12", sample);
    await source.manifest(null);
    expect(registry.requests).toHaveLength(1);
    await source.close();
    await mirror.close();
  });

  it("and a blocked registry is not asked", async () => {
    const text = `[[registry]]\nlocation = "${registry.host}"\nblocked = true\n`;
    await expect(open(`${registry.host}/a/b:12`, { surroundings: machine(text) })).rejects.toThrow("blocked");
  });

  it("a file that is no TOML is named", async () => {
    await expect(open("debian", { surroundings: machine("[[registry]]\nx =") })).rejects.toThrow(
      "/etc/containers/registries.conf cannot be read",
    );
  });
});
