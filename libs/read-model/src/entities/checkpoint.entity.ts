import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far a projection has come: the read model's tables equal the fold of the log up to here. */
@Entity({ schema: 'read_model', name: 'checkpoint' })
export class Checkpoint {
  @PrimaryColumn('text')
  projection!: string;

  @Column('uuid', { name: 'log_id' })
  logId!: string;

  @Column('int')
  epoch!: number;

  @Column('bigint', { transformer: { to: String, from: Number } })
  position!: number;

  /** The hash of the event at `position`. */
  @Column('bytea')
  hash!: Buffer;
}

export const SESSIONS_PROJECTION = 'sessions';
export const AUDIT_PROJECTION = 'audit';
export const PROJECTIONS = [SESSIONS_PROJECTION, AUDIT_PROJECTION] as const;
