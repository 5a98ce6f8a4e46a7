import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A session that nobody has ended. What is personal stands in the event that issued it, sealed. */
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
}
