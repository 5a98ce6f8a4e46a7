import type { AuditRead } from '#domain/audit-read.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '../access/caller.js';
import { Decisions } from './decisions.js';

const AUDIT_STREAM = 'audit';

/** To be executed before anything of the trail is shown: what cannot be recorded is not read. */
export class RecordAuditRead extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly read: AuditRead['data'],
  ) {
    super();
  }
}

@CommandHandler(RecordAuditRead)
export class RecordAuditReadHandler implements ICommandHandler<RecordAuditRead> {
  constructor(private readonly decisions: Decisions) {}

  execute({ caller, read }: RecordAuditRead): Promise<void> {
    return this.decisions.record(caller, AUDIT_STREAM, { type: 'AuditRead', data: read });
  }
}
