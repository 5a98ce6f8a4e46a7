import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An event of the log by what an auditor searches for; the rest of it is read from the log. */
@Entity({ schema: 'read_model', name: 'audit_entry' })
@Index('audit_entry_recorded', ['recordedAt', 'position'])
@Index('audit_entry_of_account', ['accountId', 'position'], { where: 'account_id IS NOT NULL' })
@Index('audit_entry_of_session', ['sessionId', 'position'], { where: 'session_id IS NOT NULL' })
@Index('audit_entry_of_type', ['type', 'position'])
@Index('audit_entry_of_actor', ['actorId', 'position'], { where: 'actor_id IS NOT NULL' })
@Index('audit_entry_of_reason', ['reason', 'position'], { where: 'reason IS NOT NULL' })
@Index('audit_entry_of_address', ['ipAddress', 'position'], { where: 'ip_address IS NOT NULL' })
export class AuditEntry {
  @PrimaryColumn('bigint', { transformer: { to: String, from: Number } })
  position!: number;

  @Column('timestamptz', { name: 'recorded_at' })
  recordedAt!: Date;

  @Column('text')
  type!: string;

  /** Whose sessions or API key it concerns. */
  @Column('text', { name: 'account_id', nullable: true })
  accountId!: string | null;

  @Column('text', { name: 'session_id', nullable: true })
  sessionId!: string | null;

  @Column('text', { name: 'actor_type', nullable: true })
  actorType!: string | null;

  @Column('text', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  /** The public name of the session or API key that was used. */
  @Column('text', { nullable: true })
  credential!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  /** In the clear, for as long as the key that seals it in the log exists. */
  @Column('text', { name: 'ip_address', nullable: true })
  ipAddress!: string | null;

  /** That key, where there is an address. */
  @Column('uuid', { name: 'subject_key_id', nullable: true })
  subjectKeyId!: string | null;
}
