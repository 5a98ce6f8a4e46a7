import cookie from '@fastify/cookie';
import session from '@fastify/session';
import express from 'express-session';
import fastify from 'fastify';
import { storeFor } from './session-store.mjs';

const app = fastify();
await app.register(cookie);
await app.register(session, {
  secret: process.env.PEERS_SECRET,
  store: storeFor(express),
  cookie: { secure: false },
  saveUninitialized: false,
  rolling: false,
});
app.get('/ok', () => ({ ok: true }));
app.get('/session', ({ session: { sessionId, accountId } }, reply) =>
  accountId ? { active: true, sub: accountId, sid: sessionId } : reply.code(401).send({ active: false }),
);
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
