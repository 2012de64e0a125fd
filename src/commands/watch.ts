import { makeMemoryRelease } from "../host/memory.ts";
import { realFiles } from "../host/real-files.ts";
import type { Desired } from "../model/project.ts";
import { success } from "../model/result.ts";
import type { Loaded, News, Outcome } from "../reconcile/api.ts";
import { followFiles } from "../reconcile/watch/follow.ts";
import { watch as keepWatching } from "../reconcile/watch/watch.ts";
import { type NewsDesk, newsDesk } from "../ui/news.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { showProblems } from "./problems.ts";
import { selectionOf } from "./selection.ts";
import {
  type LoadedProject,
  loadFiles,
  makeStateDirectories,
  openMachinery,
  openProject,
  openTools,
  saveLock,
} from "./session.ts";
import { type Attendant, attendRules } from "./watch/attend.ts";
import { type Carrier, carryErrands } from "./watch/carry.ts";

/** `pavlos watch`: applies what is saved, repairs what died; Ctrl-C leaves everything running. */
export const watch: Verb = async (invocation) => {
  const selection = selectionOf(invocation);
  if (!selection.ok) return selection;
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const desk = newsDesk(invocation.terminal, { base: process.cwd(), now: () => new Date() });
  const tools = openTools(project.value);
  if (!tools.ok) return tools;
  const machinery = await openMachinery(invocation, project.value, desk.event);
  if (!machinery.ok) return machinery;
  const rules = rulesOf(project.value, { machinery: machinery.value, native: tools.value.native, desk });
  makeStateDirectories(project.value);
  const count = project.value.desired.environments.length;
  desk.say(
    `watching ${count} ${count === 1 ? "environment" : "environments"}; Ctrl-C ends the watching, not them`,
    "quiet",
  );
  const release = makeMemoryRelease();
  await keepWatching({
    machinery: machinery.value,
    selection: selection.value,
    load: () => loadPinned(invocation, project.value),
    applied: (environments) => {
      rules.set(environments);
      release();
    },
    follow: followFiles,
    alive: (pid) => realFiles.status(`/proc/${pid}`) !== null,
    tell: (news) => tell(news, desk, invocation),
  });
  await rules.close();
  desk.say("watching has ended; everything keeps running (`pavlos stop`, `pavlos destroy`)", "quiet");
  return success(0);
};

interface RuleTools extends Pick<Carrier, "machinery" | "native"> {
  readonly desk: NewsDesk;
}

/** Follows the files that `watch` rules name, and does what they ask for. */
function rulesOf({ identity }: LoadedProject, { desk, ...tools }: RuleTools): Attendant {
  let desired: Desired | null = null;
  const carrier: Carrier = { ...tools, desired: () => desired, say: desk.say };
  const attendant = attendRules({
    root: identity.root,
    run: (errands) => carryErrands(carrier, errands),
    complain: (message) => desk.say(message, "bad"),
  });
  return {
    ...attendant,
    set(loaded) {
      desired = loaded;
      attendant.set(loaded);
    },
  };
}

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
