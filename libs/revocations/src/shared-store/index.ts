export { forgetSessions, type ForgetOptions, type Forgetting, type Trouble } from './forget-sessions.js';
export type { Revocation } from '../protocol.js';
