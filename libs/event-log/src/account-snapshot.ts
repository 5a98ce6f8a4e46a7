import type { Session } from '#domain/account-sessions/decider.js';
import type { AccountState, SessionIssue } from './account-stream.js';
import type { SnapshotFormat } from './folds.js';

const FORMAT = 1;

interface Content {
  readonly format: number;
  readonly sessions: readonly (Session & Omit<SessionIssue, 'sealed'> & { readonly sealed: string | null })[];
}

/** JSON. What is personal is copied as it was sealed, with what it is bound to, so that erasing a key erases it here too. */
export const accountSnapshot: SnapshotFormat<AccountState> = {
  encode({ sessions, issues }) {
    const content: Content = {
      format: FORMAT,
      sessions: [...sessions.values()].map((session) => {
        const issue = issues.get(session.sessionId)!;
        return { ...session, ...issue, sealed: issue.sealed && issue.sealed.toString('base64') };
      }),
    };
    return Buffer.from(JSON.stringify(content));
  },

  decode(bytes) {
    const { format, sessions } = JSON.parse(bytes.toString()) as Content;
    if (format !== FORMAT) return null;
    return {
      sessions: new Map(
        sessions.map(({ sessionId, issuedAt, expiresAt }) => [sessionId, { sessionId, issuedAt, expiresAt }]),
      ),
      issues: new Map(
        sessions.map(({ sessionId, position, streamId, eventId, type, sealed }) => [
          sessionId,
          {
            position,
            streamId,
            eventId,
            type,
            sealed: sealed === null ? null : Buffer.from(sealed, 'base64'),
          },
        ]),
      ),
    };
  },
};
