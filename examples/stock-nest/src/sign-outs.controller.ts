import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';

interface SessionRevoked {
  readonly accountId: string;
  readonly data: { readonly sessionId: string; readonly reason: string };
}

@Controller()
export class SignOuts {
  /** At most once: what is published while nobody listens, or is lost on the way, never comes. */
  @EventPattern('sessions.revoked.*')
  forget(@Payload() { accountId, data }: SessionRevoked) {
    console.log(`${data.sessionId} of ${accountId} was ended: ${data.reason}`);
  }
}
