import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { type NatsContext, ServerNats } from '@nestjs/microservices';
import { connectionLimits } from '../http/connection-limits.js';
import { isDeeperThan, MAX_DEPTH } from '../http/body.js';
import type { BusConnection } from '../relay/bus-connection.js';
import { isAnswerable } from './answerable.js';

/** Each question is answered by one API process. */
export const QUEUE = 'sessions-api';
/** The id of a question that no Nest client has asked: its answer comes without Nest's envelope. */
const PLAIN = 'plain';

interface Packet {
  readonly response?: unknown;
  readonly err?: unknown;
  readonly isDisposed?: boolean;
}

/**
 * Nest's NATS transport on the connection that the process has anyway: it may come late, go and come back. Takes plain JSON
 * as well as what Nest's clients send.
 */
export class RpcServer extends ServerNats {
  private open: { drain(): Promise<void> }[] = [];
  private unanswered = 0;
  private answered = (): void => undefined;

  constructor(private readonly bus: BusConnection) {
    super({ deserializer: { deserialize: (message: Msg, { channel } = {}) => read(message, channel) } });
  }

  override createNatsClient(): Promise<NatsConnection> {
    return this.bus.connected;
  }

  override bindEvents(connection: NatsConnection): void {
    this.open = [...this.messageHandlers.keys()].map((pattern) =>
      connection.subscribe(pattern, {
        queue: QUEUE,
        callback: (_, message) => {
          if (isAnswerable(message)) void this.handleMessage(pattern, message);
        },
      }),
    );
  }

  /** The bus connection tells of itself. */
  override async handleStatusUpdates(): Promise<void> {}

  override getPublisher(message: Msg, id: string, context: NatsContext): (packet: Packet) => unknown {
    this.unanswered++;
    const publish =
      id === PLAIN
        ? ({ response, err }: Packet) => message.respond(JSON.stringify(err ? { error: err } : response))
        : super.getPublisher(message, id, context);
    return (packet) => {
      if (packet.isDisposed && --this.unanswered === 0) this.answered();
      return publish(packet);
    };
  }

  /** What was asked is answered. */
  override async close(): Promise<void> {
    await Promise.all(this.open.map((one) => one.drain().catch(() => undefined)));
    if (this.unanswered > 0) await new Promise<void>((resolve) => (this.answered = resolve));
  }
}

/** What cannot be read is handed on as nothing, and refused by whoever wants something. */
function read(message: Msg, pattern: string | undefined) {
  const value = message.data.length > connectionLimits.bodyLimit ? undefined : parse(message.data);
  if (isNestPacket(value)) return value;
  return { pattern, data: isDeeperThan(MAX_DEPTH, value) ? undefined : value, id: PLAIN };
}

const isNestPacket = (value: unknown): value is { pattern: string; data: unknown; id: string } =>
  typeof value === 'object' && value !== null && 'pattern' in value && 'id' in value;

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
