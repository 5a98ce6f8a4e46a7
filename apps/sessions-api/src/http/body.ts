import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { INTROSPECTION_PATH } from './introspection.controller.js';
import { routeOf } from './observe.js';
import { RequestError } from './request-error.js';

const FORM = 'application/x-www-form-urlencoded';
/** More than anything needs; without a bound, what walks a body by recursion runs out of stack. */
export const MAX_DEPTH = 8;

/** JSON everywhere but at introspection, which RFC 7662 makes a form. A DELETE may name JSON and send nothing. */
export function readBodies(adapter: FastifyAdapter): void {
  const instance = adapter.getInstance<FastifyInstance>();
  const parseJson = instance.getDefaultJsonParser('error', 'error');
  instance.removeContentTypeParser('text/plain');
  adapter.useBodyParser('application/json', false, {}, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else if (isUtf8(body)) void parseJson(request, body.toString(), done);
    else done(new RequestError('BODY_MALFORMED', 'the body is not UTF-8'));
  });
  instance.addHook('preValidation', (request, _reply, done) => done(refusalOf(request)));
}

function refusalOf(request: FastifyRequest): RequestError | undefined {
  if (request.body === undefined) return undefined;
  if (isForm(request) !== (routeOf(request) === `/${INTROSPECTION_PATH}`)) {
    return new RequestError(
      'MEDIA_TYPE_UNSUPPORTED',
      `this takes ${isForm(request) ? 'application/json' : FORM}`,
    );
  }
  return isDeeperThan(MAX_DEPTH, request.body)
    ? new RequestError('BODY_MALFORMED', `the body nests deeper than ${MAX_DEPTH} levels`)
    : undefined;
}

export const isDeeperThan = (levels: number, value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner)));

const isForm = ({ headers }: FastifyRequest) =>
  headers['content-type']?.toLowerCase().startsWith(FORM) ?? false;
