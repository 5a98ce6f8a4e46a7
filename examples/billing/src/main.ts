import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { BillingModule } from './billing.module.js';
import { findSignoff } from './signoff.js';
import { tour } from './tour.js';

try {
  const signoff = await findSignoff();
  const app = await NestFactory.create(BillingModule, new FastifyAdapter({ forceCloseConnections: true }), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  app.enableShutdownHooks();
  await app.listen(process.env.BILLING_PORT ?? 3010, '127.0.0.1');
  console.log(tour(await app.getUrl(), signoff));
} catch (error) {
  console.error(`\n${(error as Error).message}\n`);
  process.exit(1);
}
