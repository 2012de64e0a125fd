import profileDocument from "../../schema/seccomp-default.json" with { type: "json" };

type Rules = readonly unknown[];

/**
 * The default filter as linux.seccomp. System calls that a capability guards are there only for
 * those that have it in their bounding set (names as `CAP_CHOWN`).
 */
export function defaultSeccomp(bounding: readonly string[]): Readonly<Record<string, unknown>> {
  const { profile } = profileDocument;
  const granted: Readonly<Record<string, Rules>> = profileDocument.granted;
  const withheld: Readonly<Record<string, Rules>> = profileDocument.withheld;
  const names = new Set([...Object.keys(granted), ...Object.keys(withheld)]);
  const conditional = [...names].flatMap((name) =>
    bounding.includes(name) ? (granted[name] ?? []) : (withheld[name] ?? []),
  );
  return { ...profile, syscalls: [...profile.syscalls, ...conditional] };
}
