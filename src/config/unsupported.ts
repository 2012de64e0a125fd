/** Fields that the format knows and this version does not, with what to do meanwhile. */
const later: Readonly<Record<string, string>> = {
  bootstrap: "it belongs below `rootfs:`",
  steps: "it belongs below `rootfs:`, beside `from`",
  target: "remove it; environments run on this machine",
};

const places: Readonly<Record<string, readonly string[]>> = {
  "": ["bootstrap", "steps", "target"],
};

/** What to do instead of an unknown key of a later version; undefined: no version knows it. */
export function whyUnsupported(path: readonly PropertyKey[], key: string): string | undefined {
  return places[path.join(".")]?.includes(key) ? later[key] : undefined;
}
