import type { ConsumerDeserializer } from '@nestjs/microservices';

/**
 * Nest's own takes an event, which has an `id` and `data`, for one of its requests: the handler would get `data` alone, and
 * Nest would answer whoever published it, which is the API's relay waiting for the answer of JetStream.
 */
export const readEvent: ConsumerDeserializer = {
  deserialize: (message: { json(): unknown }, options) => ({
    pattern: options?.channel,
    data: message.json(),
  }),
};
