import express from 'express';
import session from 'express-session';
import { storeFor } from './session-store.mjs';

const app = express();
app.disable('x-powered-by').disable('etag');
app.get('/ok', (_, response) => response.json({ ok: true }));
app.use(
  session({
    secret: process.env.PEERS_SECRET,
    store: storeFor(session),
    resave: false,
    saveUninitialized: false,
  }),
);
app.get('/session', ({ session: { id, accountId } }, response) =>
  accountId
    ? response.json({ active: true, sub: accountId, sid: id })
    : response.status(401).json({ active: false }),
);
app.listen(Number(process.env.PORT), '127.0.0.1');
