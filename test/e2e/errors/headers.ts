import { invalid, type Row } from './row.js';

const key = (what: string, value: string): Row => [
  `an Idempotency-Key ${what}`,
  'service',
  'POST',
  '/api/sessions',
  { body: { accountId: 'ada' }, headers: { 'idempotency-key': value } },
  invalid('Idempotency-Key'),
];

export const HEADERS: Row[] = [
  key('that is empty', ''),
  key('with a space', 'a b'),
  key('of 256', 'x'.repeat(256)),
];
