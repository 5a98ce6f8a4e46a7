import { Inject, Injectable } from '@nestjs/common';
import { admit, Refusal } from '../admission.js';
import { type Connection, LiveConnections, shut } from '../live.js';
import type { Revocations, VerifiedSession } from '../revocations.js';
import { type Asked, credentialIn } from './asked.js';
import { OPTIONS, REVOCATIONS, type RevocationsModuleOptions } from './options.js';

type Handshake = Extract<Asked, { type: 'ws' }>['handshake'];
type Client = Connection & { readonly handshake?: Handshake };

/** Who is at the other end of the WebSockets of a gateway. */
@Injectable()
export class SocketSessions {
  private readonly handshakes = new WeakMap<Client, Handshake>();

  constructor(
    @Inject(REVOCATIONS) private readonly revocations: Revocations,
    @Inject(OPTIONS) private readonly options: Pick<RevocationsModuleOptions, 'credentialIn'>,
    @Inject(LiveConnections) private readonly live: LiveConnections,
  ) {}

  /**
   * For `handleConnection(client, request)` of a gateway: closes the WebSocket when its credential is not good, and in the
   * moment in which its session is ended. With `ws` nothing else knows the request, and without this every message is refused.
   *
   * @returns the session, unless it was refused
   */
  async connected(client: Client, request?: Handshake): Promise<VerifiedSession | undefined> {
    if (request) this.handshakes.set(client, request);
    const admitted = await this.admit(client);
    if (admitted instanceof Refusal) {
      shut(client, admitted.code);
      return undefined;
    }
    this.live.add(admitted, client);
    return admitted;
  }

  /** Whose it is now: the credential of the handshake is looked at anew. */
  admit(client: Client): Promise<VerifiedSession | Refusal> {
    const handshake = this.handshakes.get(client) ?? client.handshake;
    const find = this.options.credentialIn ?? credentialIn;
    return admit(this.revocations, handshake && find({ type: 'ws', handshake }));
  }
}
