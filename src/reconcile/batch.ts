/** Milliseconds that the first of a batch waits for others when somebody still works elsewhere. */
const patience = 10;

/** The tasks that run at once; knows when nobody is left who could join a batch. */
export interface Crew {
  /** Runs all tasks, at most `limit` at once. */
  run(tasks: readonly (() => Promise<void>)[], limit: number): Promise<void>;
  /** A function that gathers calls of different tasks into one `send`. */
  batched<Request, Answer>(send: Send<Request, Answer>): (key: string, request: Request) => Promise<Answer>;
}

/** Serves many requests, by key, with one call; each key must be answered. */
export type Send<Request, Answer> = (
  requests: ReadonlyMap<string, Request>,
) => Promise<ReadonlyMap<string, Answer>>;

/**
 * Batching beats every other optimisation here: one process of pavlosc serves twenty environments.
 * A batch leaves when every task at work waits in one, or when its first request lost patience.
 */
export function makeCrew(): Crew {
  let active = 0;
  let waiting = 0;
  const flushes: (() => number)[] = [];
  const depart = (): void => {
    for (const flush of flushes) waiting -= flush();
  };
  const departIfAll = (): void => {
    if (waiting > 0 && waiting === active) depart();
  };
  return {
    async run(tasks, limit) {
      const queue = [...tasks];
      const worker = async (): Promise<void> => {
        for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
        active -= 1;
        departIfAll();
      };
      const workers = Array.from({ length: Math.min(limit, tasks.length) });
      active += workers.length;
      await Promise.all(workers.map(worker));
    },
    batched(send) {
      const { enter, flush } = gather(send);
      flushes.push(flush);
      return (key, request) => {
        const answer = enter(key, request);
        waiting += 1;
        setTimeout(() => {
          waiting -= flush();
        }, patience);
        queueMicrotask(departIfAll);
        return answer;
      };
    },
  };
}

interface Waiter<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** `flush` sends what has entered so far and says how many that were. */
function gather<Request, Answer>(send: Send<Request, Answer>) {
  let waiters = new Map<string, Waiter<Request, Answer>>();
  return {
    enter: (key: string, request: Request): Promise<Answer> =>
      new Promise((resolve, reject) => {
        waiters.set(key, { request, resolve, reject });
      }),
    flush(): number {
      const leaving = waiters;
      waiters = new Map();
      if (leaving.size > 0) void deliver(send, leaving);
      return leaving.size;
    },
  };
}

async function deliver<Request, Answer>(
  send: Send<Request, Answer>,
  waiters: ReadonlyMap<string, Waiter<Request, Answer>>,
): Promise<void> {
  try {
    const answers = await send(new Map([...waiters].map(([key, waiter]) => [key, waiter.request])));
    for (const [key, waiter] of waiters) {
      const answer = answers.get(key);
      if (answer === undefined) waiter.reject(new Error(`no answer for ${key}`));
      else waiter.resolve(answer);
    }
  } catch (error) {
    for (const waiter of waiters.values()) waiter.reject(error);
  }
}
