import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import { MAX_WAIT_SECONDS } from './effect-answers.js';
import { APPLIED } from './open-api.js';

/** Whose answers are those of `EffectAnswers`. */
export const TellsEffect = () =>
  applyDecorators(
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: `wait=<seconds, ${MAX_WAIT_SECONDS} at most>: answers as soon as it is in effect everywhere, or says where it is not`,
      example: 'wait=2',
    }),
    ApiOkResponse({
      headers: {
        'Signoff-Position': {
          required: true,
          description: 'The position in the log that this is true from',
          schema: { type: 'integer', minimum: 0 },
        },
        'Preference-Applied': APPLIED,
      },
    }),
  );
