export type RequestErrorCode =
  | 'SESSION_TOKEN_MISSING'
  | 'BODY_MALFORMED'
  | 'BODY_TOO_LARGE'
  | 'URL_MALFORMED'
  | 'URL_TOO_LONG'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED';

/** The request itself is not one that the API takes, whoever asks. */
export class RequestError extends Error {
  constructor(
    readonly code: RequestErrorCode,
    message: string,
    readonly allow?: string,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}
