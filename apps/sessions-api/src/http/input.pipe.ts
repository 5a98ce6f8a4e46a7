import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { InvalidInput } from './invalid-input.js';

/**
 * Validates every parameter that has a schema; what is wrong is named by field. Nest's own deletes keys that could reach a
 * prototype, which makes a slow object of each body, and waits: schemas here take what they name and wait for nothing.
 */
export const inputPipe: PipeTransform = {
  transform(value: unknown, { schema }: ArgumentMetadata): unknown {
    if (!schema) return value;
    const parsed = (schema as z.ZodType).safeParse(value);
    if (!parsed.success) throw new InvalidInput(parsed.error.issues.flatMap(toFieldErrors));
    return parsed.data;
  },
};

function toFieldErrors(issue: z.core.$ZodIssue) {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((field) => ({ field, message: 'is not known here' }));
  }
  return [{ field: issue.path.join('.') || 'body', message: issue.message }];
}
