import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import { admit, Refusal } from '../admission.js';
import type { Revocations, VerifiedSession } from '../revocations.js';
import { credentialIn } from './asked.js';
import { rememberSession } from './current-session.js';
import { OPTIONS, REVOCATIONS, type RevocationsModuleOptions } from './options.js';
import { SocketSessions } from './socket-sessions.js';

interface Response {
  header(name: string, value: string): unknown;
}

/**
 * Lets pass what comes with a good credential of a session that was not ended: requests, messages of WebSockets and of
 * microservices. Refuses with `HttpException` (401, or 503 when it is not known), `WsException` or `RpcException`, each with
 * a `code`.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    @Inject(REVOCATIONS) private readonly revocations: Revocations,
    @Inject(OPTIONS) private readonly options: Pick<RevocationsModuleOptions, 'credentialIn'>,
    @Inject(SocketSessions) private readonly sockets: SocketSessions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const admitted = await this.admit(context);
    if (admitted instanceof Refusal) throw await exceptionFor(admitted, context);
    rememberSession(context, admitted);
    return true;
  }

  private admit(context: ExecutionContext): Promise<VerifiedSession | Refusal> {
    const find = this.options.credentialIn ?? credentialIn;
    switch (context.getType<string>()) {
      case 'http':
        return admit(this.revocations, find({ type: 'http', request: context.switchToHttp().getRequest() }));
      case 'ws':
        return this.sockets.admit(context.switchToWs().getClient());
      case 'rpc': {
        const rpc = context.switchToRpc();
        const asked = { type: 'rpc', context: rpc.getContext(), data: rpc.getData() } as const;
        return admit(this.revocations, find(asked));
      }
      default:
        throw new Error(`SessionGuard does not know the context ${context.getType<string>()}`);
    }
  }
}

/** The packages of the other contexts are there where the contexts are. */
async function exceptionFor(refusal: Refusal, context: ExecutionContext): Promise<Error> {
  const { status, code, message, headers, cause } = refusal;
  if (context.getType() === 'ws') {
    const { WsException } = await import('@nestjs/websockets');
    return new WsException({ status: 'error', code, message });
  }
  if (context.getType() === 'rpc') {
    const { RpcException } = await import('@nestjs/microservices');
    return new RpcException({ status: 'error', code, message });
  }
  const response = context.switchToHttp().getResponse<Response>();
  for (const [name, value] of Object.entries(headers)) response.header(name, value);
  return new HttpException({ statusCode: status, code, message }, status, { cause });
}
