import { Controller, Get, UseGuards } from '@nestjs/common';
import type { VerifiedSession } from '@signoff/revocations';
import { CurrentSession, SessionGuard } from '@signoff/revocations/nestjs';

@Controller('invoices')
@UseGuards(SessionGuard)
export class InvoicesController {
  @Get()
  list(@CurrentSession() { accountId, sessionId }: VerifiedSession) {
    return { accountId, sessionId, invoices: [{ number: 1, amount: '12.00 EUR' }] };
  }
}
