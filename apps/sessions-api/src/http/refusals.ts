import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.js';
import { Metrics } from '../metrics.js';
import { LimitedLog } from './limited-log.js';

const LINES_PER_SECOND = 10;
const WARNED_OF = new Set([401, 403, 429]);

/** By the problem's code; what is not here is a request that was refused. */
const SECURITY_EVENTS: Readonly<Record<string, string>> = {
  CREDENTIAL_MISSING: 'security.credential-missing',
  CREDENTIAL_INVALID: 'security.credential-refused',
  ACTING_SESSION_ENDED: 'security.credential-refused',
  ACCOUNT_CREDENTIAL_REQUIRED: 'security.credential-of-wrong-kind',
  SERVICE_KEY_REQUIRED: 'security.credential-of-wrong-kind',
  SCOPE_MISSING: 'security.scope-missing',
  SCOPE_NOT_GRANTED: 'security.scope-not-granted',
  SESSION_NOT_FOUND: 'security.session-not-found',
  API_KEY_NOT_FOUND: 'security.api-key-not-found',
  IDEMPOTENCY_KEY_REUSED: 'security.idempotency-key-reused',
  RATE_LIMITED: 'security.rate-limited',
};

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;
  readonly method?: string;
  /** The template: a path or query may name a person. */
  readonly route?: string;
  /** The public name of the credential that was used, where it is known. */
  readonly credential?: string;
}

/** Counts what was refused or failed, and tells the log of it: never who is behind it, and never by what text they asked. */
@Injectable()
export class Refusals implements OnApplicationShutdown {
  private readonly log: LimitedLog;

  constructor(
    private readonly metrics: Metrics,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.log = new LimitedLog(logger, LINES_PER_SECOND);
  }

  /** `error`: what broke, where something did. */
  tell(refusal: Refusal, error?: unknown): void {
    const { code, status, ...fields } = refusal;
    this.metrics.refused(code);
    if (status >= 500) {
      this.log.write({ level: 'error', name: 'request.failed', code }, { status, ...fields, err: error });
    } else {
      const level = WARNED_OF.has(status) ? 'warn' : 'info';
      const name = SECURITY_EVENTS[code] ?? 'security.request-refused';
      this.log.write({ level, name, code }, { status, ...fields });
    }
  }

  onApplicationShutdown(): void {
    this.log.close();
  }
}
