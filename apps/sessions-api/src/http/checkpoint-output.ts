import { z } from 'zod';

const checkpoint = z.object({
  number: z.int().meta({ description: '1, 2, … without a gap, in the order in which they were made.' }),
  epoch: z.int(),
  position: z.int().meta({ description: 'Of the newest event at that time.' }),
  madeAt: z.string().meta({ format: 'date-time', example: '2026-11-24T08:16:00.123Z' }),
  note: z.string().meta({ description: 'A signed note (C2SP): the text that is to be kept elsewhere.' }),
});

export const checkpointOutput = z.object({ data: checkpoint });
export type CheckpointOutput = z.output<typeof checkpointOutput>;

export const checkpointsOutput = z.object({
  data: z.array(checkpoint),
  next: z.int().nullable().meta({ description: 'To be given as after; null: there are no more yet.' }),
});
export type CheckpointsOutput = z.output<typeof checkpointsOutput>;
