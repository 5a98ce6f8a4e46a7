import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseSchemaHost, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { problemOutput } from './output.js';
import { PROBLEM_TYPE } from './problem.js';

const { $schema: _, ...schema } = z.toJSONSchema(problemOutput, { target: 'openapi-3.0' });
const content = { [PROBLEM_TYPE]: { schema: schema as ApiResponseSchemaHost['schema'] } };

/** Of an answer to a question with `Prefer`. */
export const APPLIED = {
  description: 'How long was waited at most, if that was asked for',
  schema: { type: 'string' as const, pattern: '^wait=\\d+$' },
};

/** Whatever goes wrong is answered as RFC 9457 has it. */
export const AnswersProblems = () =>
  applyDecorators(
    ApiResponse({ status: '4XX', description: 'Refused: nothing was changed', content }),
    ApiResponse({
      status: '5XX',
      description: 'Failed: may be sent again with the same Idempotency-Key',
      content,
    }),
  );

/** No body of a DELETE is required; Nest takes every body for required. */
export function requireNoBodyToDelete(document: OpenAPIObject): OpenAPIObject {
  for (const { delete: operation } of Object.values(document.paths)) {
    if (operation?.requestBody && 'required' in operation.requestBody) operation.requestBody.required = false;
  }
  return document;
}
