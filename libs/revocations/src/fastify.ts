import type { FastifyPluginCallback } from 'fastify';
import { admit, bearerIn, Refusal } from './admission.js';
import type { Revocations, VerifiedSession } from './revocations.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is, where the plugin `signoff` is registered. */
    signoff: VerifiedSession;
  }
}

export interface SignoffOptions {
  readonly revocations: Revocations;
}

const plugin: FastifyPluginCallback<SignoffOptions> = (fastify, { revocations }, done) => {
  // Null until the hook has run: no handler comes before it.
  fastify.decorateRequest('signoff', null as unknown as VerifiedSession);
  fastify.addHook('onRequest', async (request, reply) => {
    const admitted = await admit(revocations, bearerIn(request.headers.authorization));
    if (!(admitted instanceof Refusal)) {
      request.signoff = admitted;
      return;
    }
    const { status, headers, problem } = admitted;
    return reply.code(status).headers(headers).type('application/problem+json').send(JSON.stringify(problem));
  });
  done();
};

/**
 * Lets requests pass whose header `Authorization: Bearer …` has a good credential of a session that was not ended, and sets
 * `request.signoff`. The others are answered with 401, or 503 when it is not known, as `application/problem+json`.
 *
 * It is for all routes of the scope in which it is registered, and of those within: `skip-override` keeps Fastify from giving
 * it a scope of its own.
 */
export const signoff = Object.assign(plugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@signoff/revocations',
  [Symbol.for('plugin-meta')]: { name: '@signoff/revocations', fastify: '5.x' },
});
