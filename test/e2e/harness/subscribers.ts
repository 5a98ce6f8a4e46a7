import { connect, type ConnectOptions } from '#revocations/connect.js';
import type { Revocations } from '#revocations/revocations.js';
import { RevocationsError } from '#revocations/revocations-error.js';
import { dataOf, issue, operatorPath } from './sessions.js';
import type { Api, World } from './world.js';

/** Services that use the library, or follow by some other way, all closed in the end. */
export class Subscribers {
  private readonly open: Revocations[] = [];

  constructor(
    private readonly world: World,
    private readonly follow: (options: ConnectOptions) => Revocations = connect,
  ) {}

  start(options: Partial<ConnectOptions> = {}): Revocations {
    const revocations = this.follow({
      nats: { servers: this.world.nats.url },
      service: 'billing',
      ...options,
    });
    this.open.push(revocations);
    return revocations;
  }

  async stop(): Promise<void> {
    await Promise.all(this.open.splice(0).map((one) => one.close()));
  }
}

/** Sessions of one account each, ended by an operator as soon as they are there. */
export async function endedSessions(api: Api, count: number, account = 'ada'): Promise<string[]> {
  const ended = [];
  for (let i = 0; i < count; i++) {
    const { token } = await issue(api.service, account);
    await end(api, token, account);
    ended.push(token);
  }
  return ended;
}

export async function end(api: Api, sessionId: string, account = 'ada'): Promise<void> {
  dataOf(await api.service.delete(`${operatorPath(account)}/${sessionId}`));
}

/** What a service gets to hear about a session: true, false, or the code of the error. */
export function verdict(revocations: Revocations, sessionId: string): boolean | string {
  try {
    return revocations.isRevoked(sessionId);
  } catch (error) {
    if (error instanceof RevocationsError) return error.code;
    throw error;
  }
}

export const verdicts = (revocations: Revocations, sessionIds: readonly string[]) => [
  ...new Set(sessionIds.map((sessionId) => verdict(revocations, sessionId))),
];
