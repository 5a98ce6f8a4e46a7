/** Calls the API as the holder of one credential. */
export class ApiClient {
  constructor(
    private readonly apiUrl: string,
    private readonly credential: string,
    private readonly stop: AbortSignal,
  ) {}

  get(path: string): Promise<Response> {
    return this.send(path, {});
  }

  postForm(path: string, form: Record<string, string>): Promise<Response> {
    return this.send(path, { method: 'POST', body: new URLSearchParams(form) });
  }

  postJson(path: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return this.send(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  private send(path: string, init: RequestInit): Promise<Response> {
    return fetch(this.apiUrl + path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${this.credential}` },
      signal: AbortSignal.any([this.stop, AbortSignal.timeout(15_000)]),
    });
  }
}

/** The `data` of a successful answer; throws otherwise. */
export async function dataOf<Data>(asked: Promise<Response>): Promise<Data> {
  const response = await asked;
  const body = await response.text();
  if (!response.ok) throw new Error(`${new URL(response.url).pathname} answered ${response.status}: ${body}`);
  return (JSON.parse(body) as { data: Data }).data;
}
