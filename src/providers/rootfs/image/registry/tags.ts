import { ImageFailure } from "../failure.ts";
import { textOf } from "./answers.ts";
import type { Session } from "./session.ts";

const mostPages = 20;

/** All tags of the repository; null: the registry does not tell. */
export async function listTags(session: Session): Promise<readonly string[] | null> {
  const tags: string[] = [];
  try {
    let path: string | null = "tags/list?n=1000";
    for (let page = 0; path !== null && page < mostPages; page++) {
      const reply = await session.get(path);
      if (!reply.ok) return tags.length > 0 ? tags : null;
      const { tags: more }: { tags?: unknown } = JSON.parse(await textOf(reply.answer, 4 << 20));
      if (Array.isArray(more)) tags.push(...more.filter((tag) => typeof tag === "string"));
      path = nextPage(reply.answer.headers.link);
    }
    return tags;
  } catch (error) {
    // It only makes a message better: the failure that is being told counts.
    if (error instanceof ImageFailure || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** `</v2/NAME/tags/list?last=x&n=1000>; rel="next"`: only its question counts. */
function nextPage(link: string | string[] | undefined): string | null {
  const query = /<[^>]*\/tags\/list(\?[^>]*)>;\s*rel="?next"?/.exec(String(link ?? ""))?.[1];
  return query === undefined ? null : `tags/list${query}`;
}

const mostShown = 10;

/** The tags that were perhaps meant, nearest first. */
export function nearestTags(
  wanted: string,
  tags: readonly string[],
): { readonly expected: string; readonly hint: string } {
  const ranked = tags
    .map((tag) => ({ tag, distance: distance(wanted, tag) }))
    .sort((a, b) => a.distance - b.distance || (a.tag < b.tag ? -1 : 1));
  const [first] = ranked;
  const shown = ranked.slice(0, mostShown).map(({ tag }) => tag);
  const more = tags.length > shown.length ? ` (${tags.length} in all)` : "";
  const near = first !== undefined && first.distance <= 2;
  return {
    expected: `${shown.join(", ")}${more}`,
    hint: near ? `did you mean \`${first.tag}\`?` : "use a tag that exists",
  };
}

/** Edits that make one the other; what begins alike is nearer. */
function distance(a: string, b: string): number {
  if (b.startsWith(a) || a.startsWith(b)) return Math.min(2, Math.abs(a.length - b.length));
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
