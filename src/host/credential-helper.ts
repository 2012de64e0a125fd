import { spawn } from "node:child_process";
import { errnoOf } from "./errno.ts";

/** What `docker-credential-NAME get` answers. */
export type HelperAnswer =
  | { readonly kind: "found"; readonly username: string; readonly secret: string }
  /** It knows nothing of this server. */
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly reason: string };

/** Asks a credential helper of docker's kind; the server's address goes to its standard input. */
export function askHelper(name: string, server: string): Promise<HelperAnswer> {
  if (!/^[\w.-]+$/.test(name)) return Promise.resolve({ kind: "failed", reason: "it has no valid name" });
  return new Promise((resolve) => {
    const child = spawn(`docker-credential-${name}`, ["get"], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 30_000,
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on("error", (error) =>
      resolve({
        kind: "failed",
        reason: errnoOf(error) === "ENOENT" ? "it is not installed" : error.message,
      }),
    );
    child.on("close", (code) => resolve(code === 0 ? found(out) : refusal(`${out} ${err}`.trim(), code)));
    // It may end before it has read: its exit code says so.
    child.stdin.on("error", () => undefined);
    child.stdin.end(server);
  });
}

function found(out: string): HelperAnswer {
  try {
    const { Username: username, Secret: secret }: Record<string, unknown> = JSON.parse(out);
    if (typeof username === "string" && typeof secret === "string")
      return { kind: "found", username, secret };
  } catch {
    // Said below.
  }
  return { kind: "failed", reason: "it gave no user name and secret" };
}

const refusal = (said: string, code: number | null): HelperAnswer =>
  /credentials not found|not found in native keychain/i.test(said)
    ? { kind: "none" }
    : { kind: "failed", reason: said.split("\n")[0] || `it ended with code ${code}` };
