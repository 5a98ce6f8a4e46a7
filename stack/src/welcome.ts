import { demoAccount } from './demo.js';
import { demoDevices } from './demo-devices.js';
import type { Demo } from './demo-file.js';

/** What `npm start` prints when everything is ready. Each curl line works when pasted alone. */
export function welcome(url: string, demo: Demo): string {
  const [current, other] = demo.sessions;
  const session = current!.accessToken;
  const curl = (path: string, credential: string, rest = '') =>
    `curl -sS -w '\\n' ${rest && `${rest} `}${url}${path} -H 'Authorization: Bearer ${credential}'`;
  const json = (body: object) => `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const { ipAddress, userAgent } = demoDevices[2]!;

  return `
Signoff is ready.

  API                 ${url}
  Documentation       ${url}/docs
  Service key         ${demo.serviceKey}
  Account key         ${demo.accountKey}   (account "${demoAccount}")
  Session credential  ${session}   (account "${demoAccount}", ${current!.device})

Each line can be pasted as it is:

# List the account's sessions, signed in as one of them
${curl('/api/account/sessions', session)}

# List them with the account key
${curl('/api/account/sessions', demo.accountKey)}

# Issue a session, as the login service does
${curl('/api/sessions', demo.serviceKey, json({ accountId: demoAccount, ipAddress, userAgent }))}

# Ask whether a session credential is good
${curl('/api/introspect', demo.serviceKey, `-d token=${session}`)}

# End one session (${other!.device})
${curl(`/api/account/sessions/${other!.token}`, session, '-X DELETE')}

# End all others
${curl('/api/account/sessions', session, '-X DELETE')}

Ctrl-C stops everything; the data stay.
`;
}
