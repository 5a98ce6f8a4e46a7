import connectPgSimple from 'connect-pg-simple';
import pg from 'pg';

/** The PostgreSQL store that both are used with, told to write nothing while a session is only looked up. */
export function storeFor(session) {
  const { PEERS_URL, DATABASE_POOL } = process.env;
  const pool = new pg.Pool({ connectionString: PEERS_URL, max: Number(DATABASE_POOL) });
  const Store = connectPgSimple(session);
  return new Store({ pool, tableName: 'web_session', disableTouch: true, pruneSessionInterval: false });
}
