import { Module } from '@nestjs/common';
import { RevocationsModule } from '@signoff/revocations/nestjs';
import { InvoicesController } from './invoices.controller.js';
import { findSignoff } from './signoff.js';

@Module({
  imports: [
    RevocationsModule.forRootAsync({
      useFactory: async () => {
        const { apiUrl, natsUrl } = await findSignoff();
        return {
          nats: { servers: natsUrl },
          service: 'billing',
          jwks: `${apiUrl}/.well-known/jwks.json`,
          ...(process.env.ISSUER && { issuer: process.env.ISSUER }),
        };
      },
    }),
  ],
  controllers: [InvoicesController],
})
export class BillingModule {}
