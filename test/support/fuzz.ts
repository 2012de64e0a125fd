import fc from "fast-check";

const long = process.env.PAVLOS_LONG === "1";
const minutes = Number(process.env.PAVLOS_FUZZ_MINUTES ?? 10);

/** Milliseconds for a test that calls `fuzz`. */
export const fuzzTimeout = long ? minutes * 60_000 + 120_000 : 60_000;

/**
 * Holds a property to `short` inputs; with PAVLOS_LONG=1 to new ones for PAVLOS_FUZZ_MINUTES (10). Each round
 * has a seed of its own, which a failure prints: `{ seed, path }` as parameters of fc.assert show it again.
 */
export async function fuzz<T>(
  name: string,
  property: fc.IAsyncProperty<T> | fc.IProperty<T>,
  short: number,
): Promise<void> {
  if (!long) {
    await fc.assert(property as fc.IAsyncProperty<T>, { numRuns: short });
    return;
  }
  const end = performance.now() + minutes * 60_000;
  let inputs = 0;
  while (performance.now() < end) {
    // As many as take a moment: between rounds the runner hears that this test lives.
    await fc.assert(property as fc.IAsyncProperty<T>, { numRuns: short });
    inputs += short;
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.stderr.write(`${name}: ${inputs} inputs in ${minutes} minutes\n`);
}

/** Texts made of one of `seeds` by one to four changes, which take out a piece and put in a text or one of `words`. */
export function mutated(seeds: readonly (string | Buffer)[], words: readonly string[]): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat(20),
    insert: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom(...words)),
  });
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  return fc.tuple(fc.constantFrom(...seeds), changes).map(([seed, all]) => {
    let text = seed.toString();
    for (const { at, remove, insert } of all) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + insert + text.slice(place + remove);
    }
    return text;
  });
}
