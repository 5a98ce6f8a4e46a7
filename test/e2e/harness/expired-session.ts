import { randomBytes } from 'node:crypto';
import { accountStreamId } from '#event-log/account-stream.js';
import { LogWriter } from '#event-log/writer.js';
import { sessionIdFrom } from '#domain/identifier.js';
import { SignJWT } from 'jose';
import { append, newEvent } from '../../harness/appends.js';
import { signingKey } from './signing-key.js';
import type { Issued } from './sessions.js';
import type { World } from './world.js';

const HOUR_MS = 3_600_000;

/** A session that lived for a minute, an hour ago, recorded and signed by the API's own means but with times of then. */
export async function expiredSession(world: World, accountId: string): Promise<Issued> {
  const token = sessionIdFrom(randomBytes(16));
  const second = Math.floor((Date.now() - HOUR_MS) / 1_000);
  const issuedAt = new Date(second * 1_000).toISOString();
  const expiresAt = new Date((second + 60) * 1_000).toISOString();
  const writer = new LogWriter(world.database.appUrl);
  try {
    const data = JSON.stringify({ sessionId: token, issuedAt, expiresAt });
    await writer.append(append(accountStreamId(accountId), null, newEvent({ data })));
  } finally {
    await writer.close();
  }
  const { kid, privateKey } = await signingKey(world);
  const accessToken = await new SignJWT({ sid: token })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'signoff-session+jwt', kid })
    .setIssuer('signoff')
    .setSubject(accountId)
    .setIssuedAt(second)
    .setExpirationTime(second + 60)
    .sign(privateKey);
  return { token, accountId, issuedAt, expiresAt, accessToken, ended: [] };
}
