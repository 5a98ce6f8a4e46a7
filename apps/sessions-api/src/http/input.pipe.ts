import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { InvalidInput } from './invalid-input.js';

/** Validates every parameter that has a schema; what is wrong is named by field. */
export const inputPipe = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => new InvalidInput((issues as z.core.$ZodIssue[]).flatMap(toFieldErrors)),
});

function toFieldErrors(issue: z.core.$ZodIssue) {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((field) => ({ field, message: 'is not known here' }));
  }
  return [{ field: issue.path.join('.') || 'body', message: issue.message }];
}
