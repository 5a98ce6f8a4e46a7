import { connectBus } from '#bus/connect.js';
import { until } from '../../harness/until.js';
import { logPosition } from './recorded.js';
import type { World } from './world.js';

const CHECKPOINT = `SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'`;

/** Resolves when the read model holds everything that is in the log now. */
export async function projected({ owner, nats }: World): Promise<void> {
  const position = await logPosition(owner);
  const connection = await connectBus(nats.url, 'projected');
  try {
    const announced = connection.subscribe('signoff.projected');
    await connection.flush();
    const { rows } = await owner.query<{ position: number }>(CHECKPOINT);
    if ((rows[0]?.position ?? 0) >= position) return;
    for await (const message of announced) {
      if (message.json<{ position: number }>().position >= position) return;
    }
  } finally {
    await connection.close();
  }
}

/** Resolves when the audit trail's projection holds everything that is in the log now. */
export async function auditProjected({ owner }: World): Promise<void> {
  const position = await logPosition(owner);
  await until(
    async () => {
      const { rows } = await owner.query<{ position: number }>(
        `SELECT position FROM read_model.checkpoint WHERE projection = 'audit'`,
      );
      return rows[0]?.position ?? 0;
    },
    (reached) => reached >= position,
  );
}
