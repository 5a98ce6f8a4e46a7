import type { ApiKeyKind } from '#domain/api-key/events.js';
import { apiKey } from '#domain/api-key/decider.js';
import type { Scope } from '#domain/api-key/scopes.js';
import type { Instant } from '#domain/instant.js';
import { ApiKeyFolds, apiKeyStreamId } from '#event-log/api-key-stream.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { createApiKeyText } from '../access/api-keys.js';
import type { Caller } from '../access/caller.js';
import { Decisions } from './decisions.js';

export interface NewApiKey {
  readonly kind: ApiKeyKind;
  readonly accountId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Instant | null;
}

export interface CreatedApiKey extends NewApiKey {
  readonly keyId: string;
  /** The text to authenticate with. Null when the command was repeated: it is shown once. */
  readonly key: string | null;
}

export class CreateApiKey extends Command<CreatedApiKey> {
  constructor(
    readonly caller: Caller,
    readonly wanted: NewApiKey,
  ) {
    super();
  }
}

@CommandHandler(CreateApiKey)
export class CreateApiKeyHandler implements ICommandHandler<CreateApiKey> {
  constructor(
    private readonly decisions: Decisions,
    private readonly apiKeys: ApiKeyFolds,
  ) {}

  async execute({ caller, wanted }: CreateApiKey): Promise<CreatedApiKey> {
    const { keyId, text, secretHash } = createApiKeyText();
    const { result, repeated } = await this.decisions.make({
      caller,
      streamId: apiKeyStreamId(keyId),
      folds: this.apiKeys,
      decide: ({ key }, now) =>
        apiKey.decide(
          { type: 'CreateApiKey', key: { keyId, ...wanted }, now, makersScopes: caller.principal.scopes },
          key,
        ),
      personal: () => ({ secretHash }),
      result: () => ({ keyId, ...wanted }),
    });
    return { ...result, key: repeated ? null : text };
  }
}
