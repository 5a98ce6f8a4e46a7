import type { Signoff } from './signoff.js';

/** What `npm run example` prints when it is ready. */
export const tour = (url: string, { apiUrl, serviceKey }: Signoff) => `
Billing is ready, and asks nobody whether a session was ended.

  Invoices            ${url}/invoices

Paste these into another terminal, one after the other:

# Issue a session, as the login service does
SESSION=$(curl -sS ${apiUrl}/api/sessions -H 'Authorization: Bearer ${serviceKey}' -H 'Content-Type: application/json' -d '{"accountId":"demo"}')
field() { node -p "JSON.parse(process.argv[1]).data.$1" "$SESSION"; }

# Call billing with its credential: 200
curl -sS -i -w '\\n' ${url}/invoices -H "Authorization: Bearer $(field accessToken)"

# End the session, and wait until that is in effect
curl -sS -w '\\n' -X DELETE "${apiUrl}/api/accounts/demo/sessions/$(field token)" -H 'Authorization: Bearer ${serviceKey}' -H 'Prefer: wait=2'

# Call billing again: 401
curl -sS -i -w '\\n' ${url}/invoices -H "Authorization: Bearer $(field accessToken)"

Ctrl-C stops it.
`;
