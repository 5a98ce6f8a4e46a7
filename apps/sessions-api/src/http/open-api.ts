import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiResponse, type ApiResponseSchemaHost } from '@nestjs/swagger';
import { z } from 'zod';
import { noteInput } from './input.js';
import { problemOutput } from './output.js';
import { PROBLEM_TYPE } from './problem.js';

/** What cannot be described by giving Nest the schema itself. */
function described(schema: z.ZodType): ApiResponseSchemaHost['schema'] {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' });
  return described as ApiResponseSchemaHost['schema'];
}

const content = { [PROBLEM_TYPE]: { schema: described(problemOutput) } };

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

export const TakesANote = () => ApiBody({ required: false, schema: described(noteInput) });
