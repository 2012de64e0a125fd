import { type At, children, type Draft, type Handler, items, lose, push, textOf } from "./findings.ts";
import { shellWords } from "./words.ts";

/** The commands of a devcontainer's life as hooks. */
export const lifecycle = (draft: Draft): Record<string, Handler> => ({
  initializeCommand: (at) => lose(draft, at, "runs on the host: run it before `pavlos apply`"),
  onCreateCommand: (at) => commands(draft, at, "hooks.created"),
  updateContentCommand: (at) => commands(draft, at, "hooks.created"),
  postCreateCommand: (at) => commands(draft, at, "hooks.created"),
  postStartCommand: (at) => commands(draft, at, "hooks.started"),
  postAttachCommand: (at) => lose(draft, at, "is for editors that attach"),
});

/** A text for the shell, a list of words, or a map of such by name. */
function commands(draft: Draft, at: At, to: string): undefined {
  if (at.node.kind === "map") {
    for (const [, child] of children(at)) one(draft, child, to, "one after another, not at the same time");
    return;
  }
  one(draft, at, to, null);
}

function one(draft: Draft, at: At, to: string, note: string | null): undefined {
  if (at.node.kind === "list")
    push(
      draft,
      at,
      to,
      items(at).map((item) => textOf(item) ?? ""),
      note,
    );
  else if (shellWords(textOf(at) ?? "").length === 0) lose(draft, at, "empty");
  else push(draft, at, to, textOf(at), note);
}
