import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import createRouter from 'find-my-way';
import { RequestError } from './request-error.js';
import { tokenMissing } from './session-token.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Knows the routes that exist, to tell a path that is not there from a method that it does not take. */
@Injectable()
export class Routes {
  private readonly router = createRouter({ maxParamLength: 2_048 });

  /** Before any route is registered. */
  watch(instance: FastifyInstance): void {
    instance.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) {
        if (!this.router.hasRoute(one as 'GET', url)) this.router.on(one as 'GET', url, () => undefined);
      }
    });
  }

  /** Why a request was not routed. Nest turns away parameters that are empty, though the router matches them. */
  refuse({ method, url }: FastifyRequest): RequestError {
    const match = this.router.find(method as 'GET', url);
    if (match?.params.token === '') return tokenMissing();
    const allowed = match ? [] : METHODS.filter((one) => this.router.find(one, url) !== null);
    return allowed.length > 0
      ? new RequestError('METHOD_NOT_ALLOWED', `${method} is not for this path`, allowed.join(', '))
      : new RequestError('ROUTE_NOT_FOUND', 'there is nothing at this path');
  }
}
