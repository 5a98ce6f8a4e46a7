import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { forgetSessions } from '#revocations/shared-store/forget-sessions.js';
import { until } from '../../harness/until.js';
import { startCommand } from './command.js';

/** The command for dead letters, as an operator runs it. */
export const deadLetters = (servers: string, ...args: string[]) =>
  startCommand('../libs/revocations/src/shared-store/command.js', args, { NATS_URL: servers });

/** A service that fails once in what it does with a revocation, and does it when it is given that again. */
export async function aDeadLetterIsReplayed(
  servers: string,
  nats: NodeConnectionOptions,
  jetStreamPrefix = '$JS.API',
): Promise<void> {
  const calls: string[] = [];
  const forgetting = forgetSessions({
    nats,
    service: 'billing',
    jetStreamPrefix,
    tries: 1,
    forget: ({ sessionId }) => {
      calls.push(sessionId);
      if (calls.length === 1) throw new Error('the store is away');
    },
  });
  const run = (...args: string[]) =>
    deadLetters(servers, ...args, '--service', 'billing', '--jetstream-prefix', jetStreamPrefix).ended;
  await until(
    () => run('list', '--json'),
    ({ exit, said }) => exit === 0 && said !== '[]',
  );
  const { exit, said } = await run('replay', '--all');
  if (exit !== 0) throw new Error(said);
  await until(
    () => calls,
    ([first, ...more]) => more.includes(first!),
  );
  await forgetting.close();
}
