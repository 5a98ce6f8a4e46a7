import { apiKey } from '#domain/api-key/decider.js';
import { ApiKeyFolds, apiKeyStreamId } from '#event-log/api-key-stream.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '../access/caller.js';
import { Decisions } from './decisions.js';

export class RevokeApiKey extends Command<{ revoked: true }> {
  constructor(
    readonly caller: Caller,
    readonly keyId: string,
  ) {
    super();
  }
}

@CommandHandler(RevokeApiKey)
export class RevokeApiKeyHandler implements ICommandHandler<RevokeApiKey> {
  constructor(
    private readonly decisions: Decisions,
    private readonly apiKeys: ApiKeyFolds,
  ) {}

  async execute({ caller, keyId }: RevokeApiKey): Promise<{ revoked: true }> {
    const { result } = await this.decisions.make({
      caller,
      streamId: apiKeyStreamId(keyId),
      folds: this.apiKeys,
      decide: ({ key }) => apiKey.decide({ type: 'RevokeApiKey' }, key),
      result: () => ({ revoked: true as const }),
    });
    return result;
  }
}
