/** How a server wants to be spoken to (WWW-Authenticate). */
export interface Challenge {
  /** Lower case: servers write BEARER, bearer and Bearer. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** All challenges of one or several headers; what cannot be read is passed over. */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  const texts = typeof header === "string" ? [header] : (header ?? []);
  for (const text of texts) {
    const token = /[\s,]*([A-Za-z][\w-]*)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/y;
    for (let match = token.exec(text); match !== null; match = token.exec(text)) {
      const [, name = "", value] = match;
      if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: {} });
      else {
        const last = found.at(-1);
        if (last !== undefined) last.parameters[name.toLowerCase()] = unquoted(value);
      }
    }
  }
  return found;
}

const unquoted = (value: string): string =>
  value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
