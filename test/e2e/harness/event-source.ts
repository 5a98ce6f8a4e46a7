interface Fields {
  readonly [name: string]: any;
}

export interface EventSource {
  readonly headers: Headers;
  readonly revoked: Fields[];
  readonly heads: Fields[];
  readonly lastEventId: string;
  /** Resolves when the server has ended it or cut it off, or it was closed. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Server-sent events, as far as ours go: blocks of `id`, `event` and one line of `data`. */
export async function openEvents(url: string, headers: Record<string, string>): Promise<EventSource> {
  const stop = new AbortController();
  const answer = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: stop.signal,
  });
  if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${await answer.text()}`);
  const source = { headers: answer.headers, revoked: [] as Fields[], heads: [] as Fields[], lastEventId: '' };
  const take = (block: string) => {
    const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)));
    const data = JSON.parse(fields.data) as Fields;
    if (fields.event === 'head') source.heads.push(data);
    else source.revoked.push(data);
    if (fields.id) source.lastEventId = fields.id;
  };
  const read = async () => {
    let rest = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      blocks.forEach(take);
    }
  };
  return Object.assign(source, {
    ended: read().catch(() => undefined),
    close: () => stop.abort(),
  });
}
