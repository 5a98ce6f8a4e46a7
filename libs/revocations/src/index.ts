/** What the package `@signoff/revocations` gives; `@signoff/revocations/testing` is `testing.ts`. */
export { connect, type ConnectOptions } from './connect.js';
export type { Revocation } from './protocol.js';
export type { Revocations, VerifiedSession } from './revocations.js';
export { RevocationsError, type RevocationsErrorCode, type StaleCause } from './revocations-error.js';
