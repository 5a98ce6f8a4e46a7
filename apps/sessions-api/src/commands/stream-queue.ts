/** Runs the tasks of one stream one after another, those of different streams side by side. */
export class StreamQueue {
  private readonly last = new Map<string, Promise<unknown>>();

  run<Result>(streamId: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.last.get(streamId);
    const result = before ? before.then(task, task) : task();
    this.last.set(streamId, result);
    const forget = () => {
      if (this.last.get(streamId) === result) this.last.delete(streamId);
    };
    result.then(forget, forget);
    return result;
  }
}
