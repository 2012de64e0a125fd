/** The options that selectionOf reads. */
export const selectionOptions = [
  {
    flags: "-l, --label <key=value>",
    description: "only environments with this label; without =value whatever it is (repeatable)",
    repeatable: true,
  },
  { flags: "--exclude <name>", description: "not this environment (repeatable)", repeatable: true },
] as const;
