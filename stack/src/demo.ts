import { ApiClient, dataOf } from './api-client.js';
import { demoDevices, type Device } from './demo-devices.js';
import { type Demo, readDemo, writeDemo } from './demo-file.js';

export const demoAccount = 'demo';

const serviceScopes = ['sessions:issue', 'sessions:introspect', 'sessions:read', 'sessions:revoke'];

interface DemoOptions {
  readonly apiUrl: string;
  readonly natsUrl: string;
  readonly bootstrapServiceKey: string;
  /** Keeps the demo from one start to the next. */
  readonly file: string;
  readonly stop: AbortSignal;
}

/** A demo account with a live session on each device. What is kept and still works is used again. */
export async function ensureDemo({
  apiUrl,
  natsUrl,
  bootstrapServiceKey,
  file,
  stop,
}: DemoOptions): Promise<Demo> {
  const as = (credential: string) => new ApiClient(apiUrl, credential, stop);
  const bootstrap = as(bootstrapServiceKey);
  const kept = await readDemo(file);

  const serviceKey =
    kept && (await works(as(kept.serviceKey).get(`/api/accounts/${demoAccount}/sessions?limit=1`)))
      ? kept.serviceKey
      : await createKey(bootstrap, { kind: 'service', name: 'Demo service', scopes: serviceScopes });
  const accountKey =
    kept && (await works(as(kept.accountKey).get('/api/account/sessions?limit=1')))
      ? kept.accountKey
      : await createKey(bootstrap, { kind: 'account', accountId: demoAccount, name: 'Demo account' });

  const service = as(serviceKey);
  const sessions: Demo['sessions'] = [];
  for (const device of demoDevices) {
    const session = kept?.sessions.find((one) => one.device === device.name);
    const alive = session && (await isActive(service, session.accessToken));
    sessions.push(alive ? session : await issueSession(service, device));
  }

  const demo = { apiUrl, natsUrl, serviceKey, accountKey, sessions };
  await writeDemo(file, demo);
  return demo;
}

async function works(asked: Promise<Response>): Promise<boolean> {
  const response = await asked;
  await response.body?.cancel();
  return response.ok;
}

async function createKey(client: ApiClient, body: object): Promise<string> {
  return (await dataOf<{ key: string }>(client.postJson('/api/keys', body))).key;
}

async function isActive(client: ApiClient, token: string): Promise<boolean> {
  const response = await client.postForm('/api/introspect', { token });
  return response.ok && ((await response.json()) as { active: boolean }).active;
}

async function issueSession(
  client: ApiClient,
  { name, ...device }: Device,
): Promise<Demo['sessions'][number]> {
  const issued = client.postJson('/api/sessions', { accountId: demoAccount, ...device });
  const { token, accessToken } = await dataOf<{ token: string; accessToken: string }>(issued);
  return { device: name, token, accessToken };
}
