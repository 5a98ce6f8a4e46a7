import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import createRouter from 'find-my-way';
import { RequestError } from './request-error.js';
import { tokenMissing } from './session-token.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * The router measures what it has decoded, in UTF-16 units: an account id of 128 code points has 256 at most. Up to twice
 * that it is told what is wrong with it, beyond that the URL is too long.
 */
export const MAX_PARAM_LENGTH = 2 * 256;

/** Knows the routes that exist, to tell a path that is not there from a method that it does not take. */
@Injectable()
export class Routes {
  private readonly router = createRouter({ maxParamLength: MAX_PARAM_LENGTH });

  /** Before any route is registered. */
  watch(instance: FastifyInstance): void {
    instance.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) {
        if (!this.router.hasRoute(one as 'GET', url)) this.router.on(one as 'GET', url, () => undefined, url);
      }
    });
  }

  /** Why a request was not routed. Nest turns away parameters that are empty, though the router matches them. */
  refuse({ method, url }: FastifyRequest): RequestError {
    const match = this.find(method, url);
    if (match?.params.token === '') return tokenMissing();
    const allowed = match ? [] : METHODS.filter((one) => this.find(one, url));
    return allowed.length > 0
      ? new RequestError('METHOD_NOT_ALLOWED', `${method} is not for this path`, {
          allow: allowed.join(', '),
        })
      : new RequestError('ROUTE_NOT_FOUND', 'there is nothing at this path');
  }

  /** For a path that it cannot read, the router finds something that is no route. */
  private find(method: string, url: string) {
    const match = this.router.find(method as 'GET', url);
    return match?.store ? match : undefined;
  }
}
