import { connect } from '@nats-io/transport-node';

/** What subscribers have asked the API for beside its head: the revocations that the stream did not bring. */
export async function hearPageQuestions(url: string) {
  const connection = await connect({ servers: url });
  const questions: { after: number; limit: number }[] = [];
  connection.subscribe('signoff.rpc.*.revocations', {
    callback: (_, message) => void questions.push(message.json()),
  });
  await connection.flush();
  return {
    /** Those up to now. */
    async asked() {
      await connection.flush();
      return questions;
    },
    stop: () => connection.close(),
  };
}
