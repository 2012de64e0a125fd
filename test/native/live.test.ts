import { expect, it } from "vitest";
import { changeDevices, changeMounts } from "../../src/native/live.ts";
import type { Native, NativeOutcome } from "../../src/native/native.ts";

function speaking(outcome: Partial<NativeOutcome>): Native & { readonly said: string[] } {
  const said: string[] = [];
  return {
    said,
    run: async (args, options) => {
      said.push(args.join(" "), options?.input ?? "");
      return { code: 0, stdout: "", stderr: "", ...outcome };
    },
  };
}

const requests = ["/a", "/b"].map((target) => ({ id: "x", action: "remove" as const, target }));

it("asks once for all and answers each by its place in the list", async () => {
  const error = { step: "unmount", subject: "/b", reason: "it is in use by sleep (7)", errno: 16 };
  const holders = [{ pid: 7, name: "sleep" }];
  const native = speaking({
    code: 1,
    stdout: `${JSON.stringify({ index: 1, id: "x", error, holders })}\n${JSON.stringify({ index: 0, id: "x" })}\n`,
  });
  const [first, second] = await changeMounts(native, requests);
  expect(native.said).toEqual(["mount", JSON.stringify(requests)]);
  expect(first).toBeNull();
  expect(second).toMatchObject({ busy: true, holders, error });
});

it("answers what has no line with what pavlosc said", async () => {
  const native = speaking({ code: 1, stdout: '{"index": 0, "id"', stderr: "no such command" });
  const [answer] = await changeDevices(native, [{ id: "x", rules: [] }]);
  expect(answer).toMatchObject({ busy: false, error: { reason: "no such command" } });
});

it("asks nobody for nothing", async () => {
  const native = speaking({});
  expect(await changeMounts(native, [])).toEqual([]);
  expect(native.said).toEqual([]);
});
