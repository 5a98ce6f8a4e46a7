import type { MasterKey } from '#event-log/master-key.js';
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, type JWK } from 'jose';

export const SIGNING_ALGORITHM = 'EdDSA';

export interface NewSigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly wrappedKey: Buffer;
  readonly masterKeyId: string;
}

export async function makeSigningKey(masterKey: MasterKey): Promise<NewSigningKey> {
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    publicJwk: { ...jwk, kid, use: 'sig', alg: SIGNING_ALGORITHM },
    wrappedKey: masterKey.wrap(Buffer.from(await exportPKCS8(pair.privateKey)), kid),
    masterKeyId: masterKey.id,
  };
}
