import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { INTROSPECTION_PATH } from './introspection.controller.js';
import { RequestError } from './request-error.js';

const FORM = 'application/x-www-form-urlencoded';

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
  instance.addHook('preValidation', async (request) => {
    if (request.body !== undefined && isForm(request) !== request.url.startsWith(`/${INTROSPECTION_PATH}`)) {
      throw new RequestError(
        'MEDIA_TYPE_UNSUPPORTED',
        `this takes ${isForm(request) ? 'application/json' : FORM}`,
      );
    }
  });
}

const isForm = ({ headers }: FastifyRequest) =>
  headers['content-type']?.toLowerCase().startsWith(FORM) ?? false;
