export type RequestErrorCode =
  | 'SESSION_TOKEN_MISSING'
  | 'BODY_MALFORMED'
  | 'BODY_TOO_LARGE'
  | 'URL_MALFORMED'
  | 'URL_TOO_LONG'
  | 'HEADERS_TOO_LARGE'
  | 'REQUEST_MALFORMED'
  | 'REQUEST_TIMEOUT'
  | 'EXPECTATION_UNSUPPORTED'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'POSITION_NOT_FOUND'
  | 'CHECKPOINT_NOT_FOUND'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'RATE_LIMITED';

/** The request itself is not one that the API takes, whoever asks. */
export class RequestError extends Error {
  constructor(
    readonly code: RequestErrorCode,
    message: string,
    /** What the answer's headers have to say about it. */
    readonly headers?: Readonly<Record<string, string>>,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}
