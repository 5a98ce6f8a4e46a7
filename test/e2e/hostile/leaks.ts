/** What authenticates: a session credential, an API key. */
const CREDENTIAL = /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{40,}|key_[0-9A-Za-z]{22}\.[\w-]{40,}/g;

/** Stack traces, paths, SQL, and the names of errors, tables and roles that are none of a caller's business. */
const INSIDE =
  /\n\s+at \S|file:\/\/|node_modules|\/dist\/|\.[jt]s:\d+|event_log\.|read_model\.|access\.signing|signoff_app\b|SQLSTATE|invalid input syntax|violates|(Type|Range|Reference|Syntax)Error|ECONN|FST_ERR|HPE_[A-Z]{3}/;

/** The marks of everything personal that was sent. */
const PERSONAL = /canary77|203\.0\.113\.|2001:db8:77/i;

/** What of a text must not be there, in an answer; `allowed` are credentials that it is about. */
export function leakIn(
  text: string,
  secrets: readonly string[],
  allowed: readonly string[],
): string | undefined {
  const secret = secrets.find((one) => text.includes(one));
  if (secret) return 'a secret of the operator';
  const credential = text.match(CREDENTIAL)?.find((one) => !allowed.includes(one));
  if (credential) return `a credential: ${credential}`;
  return INSIDE.exec(text)?.[0];
}

/** The same for a line of the log, which tells of nothing personal either. */
export const leakInLog = (line: string, secrets: readonly string[]): string | undefined =>
  leakIn(line, secrets, []) ?? PERSONAL.exec(line)?.[0];
