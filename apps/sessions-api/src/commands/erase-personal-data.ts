import type { PersonalDataErased } from '#domain/personal-data-erased.js';
import { AccountFolds, accountStreamId, type AccountState } from '#event-log/account-stream.js';
import { livingKeys } from '#event-log/subject-keys.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import type { Caller } from '../access/caller.js';
import { Decisions } from './decisions.js';

export interface ErasedPersonalData {
  /** The first days of the months that something was erased of: none, when there was nothing (any more). */
  readonly months: readonly string[];
  /** Of the log: whoever has applied it has erased it as well. */
  readonly position: number;
}

/** Destroys the keys that an account's addresses, user agents, fingerprints and notes are sealed under. */
export class ErasePersonalData extends Command<ErasedPersonalData> {
  constructor(
    readonly caller: Caller,
    readonly accountId: string,
    /** Only of the months before this one's first day. */
    readonly before?: string,
  ) {
    super();
  }
}

@CommandHandler(ErasePersonalData)
export class ErasePersonalDataHandler implements ICommandHandler<ErasePersonalData> {
  constructor(
    private readonly decisions: Decisions,
    private readonly accounts: AccountFolds,
    private readonly pool: Pool,
  ) {}

  async execute({ caller, accountId, before }: ErasePersonalData): Promise<ErasedPersonalData> {
    const streamId = accountStreamId(accountId);
    const { result, position } = await this.decisions.make<
      AccountState,
      PersonalDataErased,
      { months: readonly string[] }
    >({
      caller,
      streamId,
      folds: this.accounts,
      destroys: () => livingKeys(this.pool, streamId, before),
      decide: (_, __, destroyed) =>
        destroyed.length > 0
          ? [{ type: 'PersonalDataErased', data: { months: destroyed.map(({ month }) => month) } }]
          : [],
      result: ([erased]) => ({ months: erased?.data.months ?? [] }),
    });
    return { ...result, position };
  }
}
