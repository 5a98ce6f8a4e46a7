/** Asks for what comes next while what came is in use. Where that is left early, what was asked for is forgotten. */
export async function* ahead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let coming = source.next();
  for (;;) {
    const { done, value } = await coming;
    if (done) return;
    coming = source.next();
    coming.catch(() => undefined);
    yield value;
  }
}
