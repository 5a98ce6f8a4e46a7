import { listenError } from './free-port.js';

/** Why the API cannot listen there, in words for the operator; undefined when it can. */
export async function portProblem(variable: string, port: number, host: string): Promise<string | undefined> {
  switch (await listenError(port, host)) {
    case undefined:
      return undefined;
    case 'EADDRINUSE':
      return `${variable} ${port} is taken by another process; choose another one: ${variable}=${port + 1} npm start`;
    case 'EACCES':
      return `${variable} ${port} may not be used by this account; choose one above 1023`;
    case 'EADDRNOTAVAIL':
      return `HOST ${host} is not an address of this machine`;
    default:
      return undefined;
  }
}
