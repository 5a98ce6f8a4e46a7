import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { LimitedLog } from './limited-log.js';

const REFUSED = { level: 'warn', name: 'security.credential-refused', code: 'CREDENTIAL_INVALID' } as const;
const LIMITED = { level: 'warn', name: 'security.rate-limited', code: 'RATE_LIMITED' } as const;

describe('a log that somebody tries to flood', () => {
  let lines: Record<string, unknown>[];
  let log: LimitedLog;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
    log = new LimitedLog(pino({ base: null, timestamp: false }, { write }), 3);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const write = (event: typeof REFUSED | typeof LIMITED, times: number) => {
    for (let n = 1; n <= times; n++) log.write(event, { n });
  };

  it('has every line while there are few', () => {
    write(REFUSED, 3);
    jest.advanceTimersByTime(1_000);
    expect(lines).toEqual(
      [1, 2, 3].map((n) => ({
        level: 40,
        code: 'CREDENTIAL_INVALID',
        n,
        msg: 'security.credential-refused',
      })),
    );
  });

  it('tells how many were left out when the second is over, and then begins anew', () => {
    write(REFUSED, 100);
    expect(lines).toHaveLength(3);
    jest.advanceTimersByTime(1_000);
    expect(lines.slice(3)).toEqual([
      {
        level: 40,
        event: 'security.credential-refused',
        code: 'CREDENTIAL_INVALID',
        leftOut: 97,
        msg: 'log.left-out',
      },
    ]);
    write(REFUSED, 1);
    expect(lines).toHaveLength(5);
  });

  it('leaves out nothing of another event', () => {
    write(REFUSED, 100);
    write(LIMITED, 1);
    expect(lines.filter(({ code }) => code === 'RATE_LIMITED')).toHaveLength(1);
  });

  it('tells what was left out when it is closed', () => {
    write(REFUSED, 5);
    log.close();
    expect(lines.at(-1)).toMatchObject({ msg: 'log.left-out', leftOut: 2 });
    jest.advanceTimersByTime(10_000);
    expect(lines).toHaveLength(4);
  });
});
