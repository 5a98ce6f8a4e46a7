import { readFileSync } from 'node:fs';
import { requireInstalled } from '../load/installed.mjs';
import { closedLoopOverHttp } from '../load/wrk.mjs';
import { number } from '../output.mjs';
import { ageStreamOut, times as seedTimes } from '../seed.mjs';
import { seedLarge } from '../seed-large.mjs';
import { withStack } from '../stack.mjs';
import { contender, shapeOf, startOurs } from './http.mjs';

const AT_ONCE = 32;
const CASES = ['list', 'introspect', 'revoke one', 'issue'];

export async function run({ smoke, seconds }) {
  requireInstalled('wrk');
  const rows = [];
  const sessions = smoke ? 10_000 : 500_000;
  for (const perAccount of smoke ? [5] : [5, 100]) {
    await withStack(async (stack) => {
      const times = seedTimes();
      const shape = shapeOf(sessions / perAccount, perAccount);
      const last = await seedLarge(stack.ownerUrl, shape, times);
      // The projector begins with all of it before it.
      await ageStreamOut(stack.natsUrl, last);
      const ours = await startOurs(stack, shape, times, { keys: 0 });
      const what = `${number(shape.accounts)} accounts with ${number(perAccount)} sessions each`;
      const tell = (when) =>
        rows.push([
          rows.length % (CASES.length + 1) === 0 ? `**${what}**` : '',
          when,
          ...[ours.pid, ours.projector].map(most),
        ]);
      tell('started');
      for (const name of CASES) {
        const { before, run, after } = contender(ours, name, {
          wanted: () => 6_000 * seconds,
          send: (port, requests, once) =>
            closedLoopOverHttp(port, requests, {
              folder: stack.folder,
              seconds: smoke ? 1 : seconds * 3,
              once,
              connections: AT_ONCE,
            }),
        });
        await before();
        await after(await run());
        tell(`after ${name}`);
      }
      await ours.stop();
    });
  }
  return {
    title: 'Memory',
    about: `The most that each process has held resident, under ${AT_ONCE} clients that do one thing after another.`,
    sections: [{ title: 'MB at most', columns: ['', '', 'API', 'projector'], rows }],
  };
}

const most = (pid) =>
  number(Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024));
