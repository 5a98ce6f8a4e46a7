import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
} from '@nats-io/jetstream';

export const DEAD_LETTERS = 'DEAD_LETTERS';

const DEAD = 'signoff.dead.*';
const AGAIN = 'signoff.again.*';
/** Of one service. What does not fit is not taken from it: it goes on trying. */
const LETTERS = 100_000;
/** Much more than any has, and so little that no service can fill the storage of all. */
const MAX_LETTER_BYTES = 65_536;
const CONFIGURED_OTHERWISE = 10058;

/**
 * What a service could not do with a revocation (`signoff.dead.<service>`), and what it is to try again
 * (`signoff.again.<service>`): a work queue, each message of which is kept until it is acknowledged.
 */
export async function ensureDeadLetters(manager: JetStreamManager, replicas: number): Promise<void> {
  try {
    await manager.streams.add({
      name: DEAD_LETTERS,
      subjects: [DEAD, AGAIN],
      storage: StorageType.File,
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: LETTERS,
      max_msg_size: MAX_LETTER_BYTES,
      num_replicas: replicas,
    });
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === CONFIGURED_OTHERWISE)) throw error;
    await manager.streams.update(DEAD_LETTERS, { num_replicas: replicas, max_msg_size: MAX_LETTER_BYTES });
  }
}

/** By service. None of it when there is no such stream. */
export async function countDeadLetters(manager: JetStreamManager): Promise<ReadonlyMap<string, number>> {
  const { state } = await manager.streams.info(DEAD_LETTERS, { subjects_filter: DEAD });
  return new Map(
    Object.entries(state.subjects ?? {}).map(([subject, letters]) => [subject.split('.')[2]!, letters]),
  );
}
