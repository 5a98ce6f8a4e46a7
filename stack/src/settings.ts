import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Environment } from './environment.js';
import { keptSecret } from './kept-secret.js';
import { projectRoot } from './project-root.js';

/** The environment, and in place of each secret that it does not give one that is made once and kept. */
export interface Settings extends Environment {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly bootstrapServiceKey: string;
}

export async function completeSettings(environment: Environment): Promise<Settings> {
  const dataDir = resolve(projectRoot, environment.DATA_DIR);
  // PostgreSQL's account has to pass through when we are root; everything secret in it has mode 0600.
  if (await mkdir(dataDir, { recursive: true })) await chmod(dataDir, 0o711);
  await mkdir(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  return {
    ...environment,
    dataDir,
    masterKey:
      environment.MASTER_KEY ??
      (await keptSecret(join(dataDir, 'master.key'), () => randomBytes(32).toString('base64'))),
    bootstrapServiceKey:
      environment.BOOTSTRAP_SERVICE_KEY ??
      (await keptSecret(join(dataDir, 'bootstrap-service.key'), () => randomBytes(32).toString('base64url'))),
  };
}
