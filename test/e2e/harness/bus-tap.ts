import { connect, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import type { DescribedBus } from '../../harness/asyncapi.js';

export const allHeaders = (headers: MsgHdrs | undefined): Record<string, string> =>
  Object.fromEntries([...(headers ?? [])].map(([name, values]) => [name, values.join()]));

/** Hears all that is said to and by Signoff, answers included, and holds it against the document. */
export async function tapBus(url: string, described: DescribedBus) {
  const connection = await connect({ servers: url });
  const problems: string[] = [];
  /** What was asked, by where the answer is expected. */
  const asked = new Map<string, string>();

  const hear = (message: Msg) => {
    const { subject, reply } = message;
    const channel = described.channelOf(subject);
    if (!channel) problems.push(`${subject} is not described`);
    else tell(subject, described.problemIn(channel, message.string(), allHeaders(message.headers)));
    if (channel && reply && subject.startsWith('signoff.rpc.')) asked.set(reply, channel);
  };
  const hearAnswer = (message: Msg) => {
    const channel = asked.get(message.subject);
    if (!channel) return;
    const problem = described.problemInAnswer(channel, message.string(), allHeaders(message.headers));
    tell(`the answer on ${channel}`, problem);
  };
  const tell = (where: string, problem: string | null) => problem && problems.push(`${where}: ${problem}`);

  for (const subject of ['sessions.>', 'activity.>', 'signoff.>']) {
    connection.subscribe(subject, { callback: (_, message) => hear(message) });
  }
  connection.subscribe('_INBOX.>', { callback: (_, message) => hearAnswer(message) });
  await connection.flush();
  return { problems, stop: () => connection.close() };
}
