/** A request as it will be written, with `<<kind:n>>` where the cast has to put somebody in. */
export interface HostileRequest {
  /** The path that it was meant for, as OpenAPI writes it. */
  readonly path: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
  /** How `body` becomes bytes: as latin1, what is not ASCII is not UTF-8. */
  readonly encoding: 'utf8' | 'latin1';
  /** Chunked, or with its length. */
  readonly isChunked: boolean;
}

export interface Route {
  readonly method: string;
  /** As OpenAPI writes it: `/api/keys/{id}`. */
  readonly path: string;
}

export const OTHER_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/openapi.json' },
  { method: 'GET', path: '/docs' },
  { method: 'GET', path: '/docs/{asset}' },
];
