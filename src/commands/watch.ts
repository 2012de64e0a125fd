import { realFiles } from "../host/real-files.ts";
import { success } from "../model/result.ts";
import type { Loaded, News, Outcome } from "../reconcile/api.ts";
import { followFiles } from "../reconcile/watch/follow.ts";
import { watch as keepWatching } from "../reconcile/watch/watch.ts";
import { type NewsDesk, newsDesk } from "../ui/news.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { showProblems } from "./problems.ts";
import {
  type LoadedProject,
  loadFiles,
  makeStateDirectories,
  openMachinery,
  openProject,
  saveLock,
} from "./session.ts";

/** `pavlos watch`: applies what is saved, repairs what died; Ctrl-C leaves everything running. */
export const watch: Verb = async (invocation) => {
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const desk = newsDesk(invocation.terminal, { base: process.cwd(), now: () => new Date() });
  const machinery = await openMachinery(invocation, project.value, desk.event);
  if (!machinery.ok) return machinery;
  makeStateDirectories(project.value);
  const count = project.value.desired.environments.length;
  desk.say(
    `watching ${count} ${count === 1 ? "environment" : "environments"}; Ctrl-C ends the watching, not them`,
    "quiet",
  );
  await keepWatching({
    machinery: machinery.value,
    load: () => loadPinned(invocation, project.value),
    follow: followFiles,
    alive: (pid) => realFiles.status(`/proc/${pid}`) !== null,
    tell: (news) => tell(news, desk, invocation),
  });
  desk.say("watching has ended; everything keeps running (`pavlos stop`, `pavlos destroy`)", "quiet");
  return success(0);
};

/** What is saved is applied, so what it needs is pinned at once. */
async function loadPinned(invocation: Invocation, project: LoadedProject): Promise<Loaded> {
  const loaded = await loadFiles(invocation, project, "lookUp");
  const saved = loaded.result.ok ? await saveLock(project) : loaded.result;
  return saved.ok ? loaded : { ...loaded, result: saved };
}

function tell(news: News, desk: NewsDesk, { terminal }: Invocation): void {
  if (news.kind === "problems") {
    showProblems(news.problems, terminal);
    desk.say("everything keeps running as it is until this is mended", "bad");
  } else if (news.kind === "mended") desk.say("mended", "good");
  else if (news.kind === "applied") tellOutcome(news.outcome, desk, terminal);
  else {
    const { environment, reason } = news;
    desk.say(
      `${environment} ${reason}; it rests until its file changes (\`pavlos start ${environment}\`)`,
      "bad",
    );
  }
}

/** What was done has been told by its events. */
function tellOutcome(outcome: Outcome, desk: NewsDesk, terminal: Invocation["terminal"]): void {
  if (outcome.kind === "nothing") desk.say("nothing to do: everything is as the files say", "quiet");
  if (outcome.kind === "refused") showProblems(outcome.problems, terminal);
}
