import { describe, expect, it } from '@jest/globals';
import { environmentSchema } from './environment.js';

const problemsOf = (variables: Record<string, string>) =>
  environmentSchema
    .safeParse(variables)
    .error?.issues.map(({ path, message }) => `${path.join()} ${message}`);

describe('reading the environment of npm start', () => {
  it('needs nothing', () => {
    expect(environmentSchema.parse({})).toEqual({
      PORT: 3000,
      HOST: '127.0.0.1',
      DATA_DIR: '.data',
      ISSUER: 'signoff',
      NODE_ENV: 'development',
    });
  });

  it('names every problem at once', () => {
    const problems = problemsOf({
      PORT: '70000',
      DATABASE_URL: 'postgres://signoff_app@localhost/signoff',
      NATS_URL: 'localhost:4222',
      BOOTSTRAP_SERVICE_KEY: 'short',
      NODE_ENV: 'live',
    });
    expect(problems).toEqual([
      'PORT must be a whole number from 0 to 65535',
      'NATS_URL must be a URL that begins with nats:// or tls://',
      'BOOTSTRAP_SERVICE_KEY must have 32 characters or more',
      'NODE_ENV Invalid option: expected one of "development"|"test"|"production"',
      'MIGRATION_DATABASE_URL is missing: with DATABASE_URL, migrations need the owner of that database',
    ]);
  });

  it('asks for a master key in production', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'MASTER_KEY is missing: it is made by itself in development only',
    ]);
  });

  it('never repeats a secret', () => {
    const problems = problemsOf({ MASTER_KEY: 'hunter2', DATABASE_URL: 'pg://me:hunter2@localhost' });
    expect(problems).toContain('MASTER_KEY must be base64');
    expect(problems?.join()).not.toContain('hunter2');
  });
});
