import type { LimitQuestion } from '../http/rate-limits.js';

/** How questions on NATS are counted: as the requests of HTTP, with them. Without a limit they are not. */
export class QuestionLimit {
  count: LimitQuestion = () => undefined;
}
