import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { masterKey, natsUrl, nodeEnv, port, postgresUrl, readEnvironment } from './environment.js';

const schema = z.object({
  PORT: port.default(3_000),
  DATABASE_URL: postgresUrl,
  NATS_URL: natsUrl.optional(),
  MASTER_KEY: masterKey.optional(),
  NODE_ENV: nodeEnv,
});
const DATABASE_URL = 'postgres://app:secret@db.example/signoff';

afterEach(() => void jest.restoreAllMocks());

describe('an environment that is right', () => {
  it('is read with its defaults, and empty values count as not given', () => {
    expect(readEnvironment(schema, { DATABASE_URL, PORT: '', NATS_URL: ' ', OTHER: 'x' })).toEqual({
      PORT: 3_000,
      DATABASE_URL,
      NODE_ENV: 'development',
    });
  });

  it('may name several servers', () => {
    const NATS_URL = 'nats://one.example:4222,tls://two.example';
    expect(readEnvironment(schema, { DATABASE_URL, NATS_URL, PORT: '0' })).toMatchObject({
      NATS_URL,
      PORT: 0,
    });
  });
});

describe('an environment with bad values', () => {
  const problemsOf = (variables: Record<string, string>) => {
    const printed = jest.spyOn(console, 'error').mockReturnValue();
    const exited = jest.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    expect(() => readEnvironment(schema, variables)).toThrow('exit 1');
    expect(exited).toHaveBeenCalledTimes(1);
    return printed.mock.calls.map(String);
  };

  it('has every problem printed under its name, and ends the process with 1', () => {
    const problems = problemsOf({
      PORT: '65536',
      NATS_URL: 'nats://one.example,http://two.example',
      MASTER_KEY: Buffer.alloc(31).toString('base64'),
      NODE_ENV: 'staging',
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'PORT',
      'DATABASE_URL',
      'NATS_URL',
      'MASTER_KEY',
      'NODE_ENV',
    ]);
  });

  it.each(['-1', '3e3', '3000.5', 'http', '٣٠٠٠'])('refuses %s as a port', (PORT) => {
    expect(problemsOf({ DATABASE_URL, PORT })).toEqual(['PORT: must be a whole number from 0 to 65535']);
  });

  it('prints no secret', () => {
    const problems = problemsOf({ DATABASE_URL: 'mysql://me:hunter2@db', MASTER_KEY: 'hunter2' });
    expect(problems.join()).not.toContain('hunter2');
  });
});
