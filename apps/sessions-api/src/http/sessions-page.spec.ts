import { describe, expect, it } from '@jest/globals';
import type { SessionView } from '../queries/session-view.js';
import { toSessionsOutput, toSessionsText } from './sessions-page.js';

const view = (sessionId: string): SessionView => ({
  sessionId,
  issuedAt: '2026-11-24T08:16:00.000Z',
  expiresAt: '2026-12-24T08:16:00.000Z',
  lastSeenAt: '2026-11-25T08:16:00.000Z',
  ipAddress: '198.51.100.7',
  userAgent: null,
  fingerprint: 'abc',
  browser: 'Firefox',
  os: null,
  device: null,
});

describe('the text of a page of sessions', () => {
  it('is what the page says to whoever asks for it, however often and whoever asked before', () => {
    const sessions = { sessions: [view('one'), view('two')], total: 2 };
    const asked = [
      [1, 50, 'one'],
      [1, 50, 'one'],
      [1, 50, 'two'],
      [1, 50, null],
      [1, 20, null],
      [2, 20, null],
      [1, 50, 'one'],
    ] as const;
    for (const [page, limit, current] of asked) {
      const output = toSessionsOutput(sessions, { page, limit }, current);
      expect(JSON.parse(toSessionsText(sessions, { page, limit }, current))).toEqual(output);
    }
  });
});
