import type { ProjectionStopCode } from './projection-stop.js';

export type ProjectorState =
  /** Another process projects. It takes over when that one is gone. */
  | { readonly status: 'standby' }
  | { readonly status: 'starting' }
  | { readonly status: 'following' }
  /** PostgreSQL, NATS or the stream is away: it tries again by itself. */
  | { readonly status: 'degraded'; readonly reason: string }
  /** See `ProjectionStop`: it looks again every 10 s. */
  | {
      readonly status: 'stopped';
      readonly code: ProjectionStopCode;
      readonly position: number;
      readonly reason: string;
    };
