import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unprivilegedAccount, weAreRoot } from '../../../stack/src/account.js';

const run = promisify(execFile);
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

export interface Authority {
  /** The path of its own certificate, in PEM. */
  readonly file: string;
  readonly pem: string;
  /** Signs a certificate for a server that is reached by these names (`DNS:localhost`, `IP:127.0.0.1`). */
  certify(name: string, ...names: string[]): Promise<{ cert: string; key: string }>;
}

/** A certificate authority of its own, by openssl. PostgreSQL can read what it makes. */
export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'ca-'));
  await chmod(folder, 0o755);
  const at = (name: string) => join(folder, name);
  const file = at('ca.crt');
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  await openssl('req', '-x509', ...EC, '-subj', '/CN=Test CA', '-keyout', at('ca.key'), '-out', file);
  return {
    file,
    pem: await readFile(file, 'utf8'),
    async certify(name, ...names) {
      const [cert, key, request] = [at(`${name}.crt`), at(`${name}.key`), at(`${name}.csr`)];
      await openssl('req', ...EC, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
      await writeFile(at(`${name}.ext`), `subjectAltName=${names.join(',')}\n`);
      const signed = ['-CA', file, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
      await openssl('x509', '-req', '-in', request, ...signed, '-extfile', at(`${name}.ext`), '-out', cert);
      await chmod(key, 0o600);
      if (weAreRoot()) {
        const { uid, gid } = await unprivilegedAccount();
        await chown(key, uid, gid);
      }
      return { cert, key };
    },
  };
}
