import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A session that nobody has ended. What is personal is null when it was not given, or was erased. */
@Entity({ schema: 'read_model', name: 'session' })
@Index('session_of_account', ['accountId', 'expiresAt'])
export class Session {
  @PrimaryColumn('text', { name: 'session_id' })
  sessionId!: string;

  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('bigint', { name: 'issued_position', transformer: { to: String, from: Number } })
  issuedPosition!: number;

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  /** The key that the personal columns were sealed under in the log: erasing it nulls them. */
  @Column('uuid', { name: 'subject_key_id', nullable: true })
  subjectKeyId!: string | null;

  @Column('text', { name: 'ip_address', nullable: true })
  ipAddress!: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  @Column('text', { nullable: true })
  fingerprint!: string | null;

  @Column('text', { nullable: true })
  browser!: string | null;

  @Column('text', { nullable: true })
  os!: string | null;

  @Column('text', { nullable: true })
  device!: string | null;
}
