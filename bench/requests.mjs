const head = (method, path, credential) =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${credential}\r\n`;

/** The bytes of HTTP requests. */
export const get = (path, credential) => `${head('GET', path, credential)}\r\n`;

/** `more`: further header lines. */
export const remove = (path, credential, more = '') => `${head('DELETE', path, credential)}${more}\r\n`;

export const post = (path, credential, type, body, more = '') =>
  `${head('POST', path, credential)}${more}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Requests each of which can be sent once, made when they are wanted. */
export class Supply {
  next = 0;

  constructor(size, requestOf) {
    this.size = size;
    this.requestOf = requestOf;
  }

  get left() {
    return this.size - this.next;
  }

  /** As many as there are, `count` at most. They come again until they are `used`. */
  take(count) {
    const length = Math.min(count, this.left);
    if (length === 0) throw new Error('everything there is to end was ended: more accounts are needed');
    return Promise.all(Array.from({ length }, (_, i) => this.requestOf(this.next + i)));
  }

  used(count) {
    this.next += count;
  }
}
