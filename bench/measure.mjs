import { readFileSync } from 'node:fs';

const TICK_US = 10_000;

/** Microseconds of processor time of a process and of all that it started, whether they have ended or not; of this one, alone. */
export function cpuOf(pid) {
  if (pid === process.pid) return process.cpuUsage().user + process.cpuUsage().system;
  const [user, system, endedUser, endedSystem] = timesOf(pid);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return (
    (user + system + endedUser + endedSystem) * TICK_US + children.reduce((sum, pid) => sum + own(pid), 0)
  );
}

/** Of the processes that this one has started and that have ended: of the load generators. */
function cpuOfEnded() {
  const [, , user, system] = timesOf(process.pid);
  return (user + system) * TICK_US;
}

function own(pid) {
  try {
    return cpuOf(pid);
  } catch {
    return 0;
  }
}

const timesOf = (pid) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 15)
    .map(Number);

/**
 * Runs contenders one after another, round after round (A B C A B C), the first time to warm up. Each one's `run` answers
 * `{ completed, seconds, p50, p99 }`, latencies in milliseconds; `pid` is its process, `postgres` that of the database.
 */
export async function inTurns(contenders, { rounds, warmUp = true, postgres }) {
  const samples = contenders.map(() => []);
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      await contender.before?.(round);
      const clocks = () => [
        contender.pid ? cpuOf(contender.pid) : NaN,
        postgres ? cpuOf(postgres) : NaN,
        cpuOfEnded(),
      ];
      const [from, began] = [clocks(), performance.now()];
      const run = await contender.run(round);
      const [to, ended] = [clocks(), performance.now()];
      const [own, database, generator] = to.map((clock, i) => clock - from[i]);
      await contender.after?.(run, round);
      if (round === 0) continue;
      samples[i].push({
        ...run,
        rate: run.completed / run.seconds,
        cpu: own / run.completed,
        databaseCpu: database / run.completed,
        generator: generator / 1_000 / (ended - began),
      });
    }
  }
  return contenders.map(({ name, role }, i) => ({ name, role, ...summaryOf(samples[i]) }));
}

/** The median of each figure, and the extremes of the rate. */
function summaryOf(samples) {
  const of = (field) => samples.map((sample) => sample[field]);
  const medians = Object.keys(samples[0]).map((field) => [field, median(of(field))]);
  return { ...Object.fromEntries(medians), min: Math.min(...of('rate')), max: Math.max(...of('rate')) };
}

export const median = (numbers) => quantile(numbers, 0.5);

/** The value below which this share of the numbers lies. */
export function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Keeps `atOnce` calls of `work` under way for so long, and tells how many came to their end, and how long each took. */
export async function closedLoop(work, { atOnce, seconds }) {
  const took = [];
  const began = performance.now();
  const until = began + seconds * 1_000;
  await Promise.all(
    Array.from({ length: atOnce }, async (_, client) => {
      for (let from = performance.now(); from < until;) {
        await work(client);
        const to = performance.now();
        took.push(to - from);
        from = to;
      }
    }),
  );
  return {
    completed: took.length,
    seconds: (performance.now() - began) / 1_000,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
  };
}
