import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { auditEntryOutput } from '../apps/sessions-api/src/http/audit-output.js';

const text = readFileSync(join(import.meta.dirname, '../docs/ocsf.md'), 'utf8');

describe('docs/ocsf.md', () => {
  it('maps every type of event and every field of an entry', () => {
    const rows = [...text.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name!);
    expect(rows).toEqual([...Object.keys(EVENT_TYPES), ...Object.keys(auditEntryOutput.shape)]);
  });
});
