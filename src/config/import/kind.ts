/** What kind of file is this? By its name; a .json that is neither is of the first Pavlos. */
export function kindOf(file: string): "compose" | "devcontainer" | "legacy" {
  if (/\.ya?ml$/.test(file)) return "compose";
  return /devcontainer[^/]*\.jsonc?$/.test(file) ? "devcontainer" : "legacy";
}
