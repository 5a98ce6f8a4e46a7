import { closedLoopOverHttp } from '../load/wrk.mjs';
import { requireInstalled } from '../load/installed.mjs';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { ageStreamOut, times as seedTimes } from '../seed.mjs';
import { seedLarge } from '../seed-large.mjs';
import { withStack } from '../stack.mjs';
import { contender, shapeOf, startOurs } from './http.mjs';

const AT_ONCE = 32;
const CASES = ['list', 'introspect', 'revoke one'];
const DEFAULT_SIZES = [10_000, 100_000, 1_000_000];
const COMPARED_WITH = 100_000;
const PROCESSES = 3;

export async function run({ smoke, rounds, seconds, warmUp, sessions }) {
  requireInstalled('wrk');
  const sizes = sessions ?? (smoke ? [10_000] : DEFAULT_SIZES);
  const groups = [];
  const measureAll = async (servers, { folder, postgresPid: postgres }) => {
    const perRun = 6_000 * seconds;
    for (const name of CASES) {
      const contenders = servers.map((server) =>
        contender(server, name, {
          // Of few sessions a share for each round, and one for the warm-up.
          wanted: () => Math.min(perRun, Math.floor(server.cases[name].supply.size / (rounds + 1))),
          send: (ports, requests, once) => spread(ports, requests, { folder, seconds, once }),
        }),
      );
      const results = await inTurns(contenders, { rounds, warmUp, postgres });
      groups.push({ name, results });
    }
  };
  // A database of its own for each size, all of them there at once, so that they can be measured in turns.
  const open = async ([size, ...more], servers, outer) => {
    if (size === undefined) return measureAll(servers, outer);
    return withStack(async (stack) => {
      const wanted = size === 'processes' ? sizes.at(-1) : size;
      const shape = shapeOf(wanted / 5);
      const times = seedTimes();
      await ageStreamOut(stack.natsUrl, await seedLarge(stack.ownerUrl, shape, times));
      const apis = size === 'processes' ? PROCESSES : 1;
      const server = await startOurs(stack, shape, times, { apis, keys: 0 });
      const what = apis === 1 ? '' : `, ${apis} API processes`;
      const named = { ...server, name: `${number(wanted)} sessions${what}`, port: server.ports };
      try {
        await open(more, [...servers, named], stack);
      } finally {
        await server.stop();
      }
    });
  };
  await open([...sizes, 'processes'], []);
  return {
    title: 'Growth',
    about:
      `${AT_ONCE} clients, ${number(5)} sessions an account; requests go round a tenth of the accounts, 10,000 at most. ` +
      'The logs are made in PostgreSQL: they are no chains, and nothing in them is sealed.',
    sections: [
      rates('As sessions grow', groups, {
        ratio: {
          title: `of that with ${number(COMPARED_WITH)}`,
          against: (results) => results[Math.max(0, sizes.indexOf(COMPARED_WITH))],
          of: (against, one) => one.rate / against.rate,
        },
      }),
    ],
  };
}

/** The clients are divided among the processes, and what each of them answers is added up. */
async function spread(ports, requests, { folder, seconds, once }) {
  const parts = ports.map((_, i) => requests.filter((_, j) => j % ports.length === i));
  const told = await Promise.all(
    ports.map((port, i) =>
      closedLoopOverHttp(port, parts[i], {
        folder,
        seconds,
        once,
        connections: Math.ceil(AT_ONCE / ports.length),
      }),
    ),
  );
  const sum = (field) => told.reduce((sum, one) => sum + one[field], 0);
  // Some send more than others: what lies before the last that was sent counts as sent.
  const sent = Math.max(...told.map((one) => one.sent)) * ports.length;
  return { ...told[0], completed: sum('completed'), sent, refused: sum('refused') };
}
