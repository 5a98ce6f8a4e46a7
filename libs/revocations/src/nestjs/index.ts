/** What `@signoff/revocations/nestjs` gives. */
export { type Asked, credentialIn } from './asked.js';
export { CurrentSession } from './current-session.js';
export { REVOCATIONS, type RevocationsModuleOptions } from './options.js';
export { RevocationsModule } from './revocations.module.js';
export { SessionGuard } from './session.guard.js';
export { SocketSessions } from './socket-sessions.js';
export { LiveConnections } from '../live.js';
