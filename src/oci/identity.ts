import type { Environment } from "../model/environment.ts";
import type { Caller, HostFacts, IdRange } from "../model/host.ts";
import { failure, type Result, success } from "../model/result.ts";

/** One row of a mapping: container ids from `container` on are host ids from `host` on. */
export interface IdMap {
  readonly container: number;
  readonly host: number;
  readonly count: number;
}

/** Which ids an environment has, inside and outside. */
export interface Identity {
  /**
   * none: no user namespace. all: one with every id as it is. subordinate: the caller keeps its own
   * ids, all others come from /etc/subuid. single: one id only.
   */
  readonly mapping: "none" | "all" | "subordinate" | "single";
  /** Empty without a user namespace. */
  readonly uids: readonly IdMap[];
  readonly gids: readonly IdMap[];
  readonly user: User;
}

/** Whom the command runs as. */
export interface User {
  readonly kind: "me" | "root" | "other";
  /** Inside; null: a name that only the root's own files can tell. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** Value of io.pavlos.user; null: uid and gid say it. */
  readonly lookup: string | null;
}

/** Why an environment cannot have the ids that it asks for. */
export interface IdentityFailure {
  readonly path: "user" | "isolation.user";
  readonly message: string;
  readonly hint: string;
}

/** Decides user and id mapping. Pure. */
export function identityOf(environment: Environment, host: HostFacts): Result<Identity, IdentityFailure> {
  const { caller } = host;
  const user = userOf(environment.user ?? (caller.uid === 0 ? "root" : "me"), caller);
  if (caller.uid === 0) {
    if (environment.isolation.user !== true) return success({ mapping: "none", uids: [], gids: [], user });
    return success({ mapping: "all", uids: everyId, gids: everyId, user });
  }
  if (environment.isolation.user === false)
    return failure({
      path: "isolation.user",
      message: `isolation.user is false, but ${caller.name} is not root: without a user namespace no container can be made`,
      hint: "leave isolation.user out, or run pavlos as root",
    });
  if (hasSubordinates(caller)) return success(keepId(caller, user));
  return singleId(caller, user);
}

/** May this caller map more than one id? */
export const hasSubordinates = (caller: Caller): boolean =>
  caller.mapHelpers && caller.subuids.length > 0 && caller.subgids.length > 0;

const everyId: readonly IdMap[] = [{ container: 0, host: 0, count: 4_294_967_295 }];

function userOf(text: string, caller: Caller): User {
  if (text === "root") return { kind: "root", uid: 0, gid: 0, lookup: null };
  if (text === "me" && caller.uid === 0) return { kind: "root", uid: 0, gid: 0, lookup: null };
  if (text === "me") return { kind: "me", uid: caller.uid, gid: caller.gid, lookup: null };
  const ids = /^(\d+)(?::(\d+))?$/.exec(text);
  if (ids === null) return { kind: "other", uid: null, gid: null, lookup: text };
  const [uid, gid] = [Number(ids[1]), ids[2] === undefined ? null : Number(ids[2])];
  return { kind: uid === 0 ? "root" : "other", uid, gid, lookup: text };
}

/**
 * Container id n is the n-th subordinate id, but the caller's own id is itself: what it makes in a
 * bind mount belongs to it on both sides.
 */
function keepId(caller: Caller, user: User): Identity {
  return {
    mapping: "subordinate",
    uids: around(caller.subuids, caller.uid),
    gids: around(caller.subgids, caller.gid),
    user,
  };
}

/** The ranges one after another from container id 0, with a hole for the one id that stays itself. */
export function around(ranges: readonly IdRange[], own: number): readonly IdMap[] {
  const maps: IdMap[] = [];
  let next = 0;
  for (const { start, count } of ranges) {
    const end = next + count;
    if (own >= next && own < end) {
      if (own > next) maps.push({ container: next, host: start, count: own - next });
      if (own + 1 < end)
        maps.push({ container: own + 1, host: start + own + 1 - next, count: end - own - 1 });
    } else maps.push({ container: next, host: start, count });
    next = end;
  }
  return [...maps, { container: own, host: own, count: 1 }].sort((a, b) => a.container - b.container);
}

function singleId(caller: Caller, user: User): Result<Identity, IdentityFailure> {
  if (user.uid === null)
    return failure({
      path: "user",
      message: `user \`${user.lookup}\` needs subordinate ids, and ${caller.name} has none (or newuidmap is missing)`,
      hint: `sudo apt-get install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${caller.name}; or use \`me\`, \`root\` or a number`,
    });
  return success({
    mapping: "single",
    uids: [{ container: user.uid, host: caller.uid, count: 1 }],
    gids: [{ container: user.gid ?? 0, host: caller.gid, count: 1 }],
    user: { ...user, gid: user.gid ?? 0, lookup: null },
  });
}

/** Maps for `pavlosc unpack` and `pavlosc remove`: what a tree on disk belongs to. */
export function treeMaps(host: HostFacts): readonly string[] {
  const { caller } = host;
  if (caller.uid === 0) return [];
  const [uids, gids] = hasSubordinates(caller)
    ? [around(caller.subuids, caller.uid), around(caller.subgids, caller.gid)]
    : [[{ container: 0, host: caller.uid, count: 1 }], [{ container: 0, host: caller.gid, count: 1 }]];
  return [
    ...uids.flatMap((map) => ["--uid-map", print(map)]),
    ...gids.flatMap((map) => ["--gid-map", print(map)]),
  ];
}

const print = ({ container, host, count }: IdMap): string => `${container}:${host}:${count}`;
