import type { IncomingMessage, ServerResponse } from 'node:http';
import { admit, bearerIn, Refusal } from './admission.js';
import type { Revocations, VerifiedSession } from './revocations.js';

declare global {
  namespace Express {
    interface Request {
      /** Whose request it is; there behind the middleware `signoff`. */
      signoff?: VerifiedSession;
    }
  }
}

/**
 * Lets requests pass whose header `Authorization: Bearer …` has a good credential of a session that was not ended, and sets
 * `req.signoff`. The others are answered with 401, or 503 when it is not known, as `application/problem+json`.
 */
export const signoff =
  (revocations: Revocations) =>
  async (
    request: IncomingMessage & { signoff?: VerifiedSession },
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): Promise<void> => {
    try {
      const admitted = await admit(revocations, bearerIn(request.headers.authorization));
      if (admitted instanceof Refusal) return answer(response, admitted);
      request.signoff = admitted;
    } catch (error) {
      return next(error);
    }
    next();
  };

function answer(response: ServerResponse, { status, headers, problem }: Refusal): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(problem));
}
