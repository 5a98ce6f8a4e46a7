import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const PREFLIGHT_SECONDS = 600;

/** Pages of these origins may call the API. No cookies: a page has to know a credential, and send it itself. */
export function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.enableCors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'Prefer',
      'X-Request-Id',
      'Traceparent',
    ],
    exposedHeaders: [
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-Request-Id',
      'Signoff-Position',
      'Preference-Applied',
    ],
    maxAge: PREFLIGHT_SECONDS,
    // An OPTIONS that is no preflight is answered like one, not with text.
    strictPreflight: false,
  });
}
