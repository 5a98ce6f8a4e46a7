const SETTLED_A_LOOK = 50;

/** Milliseconds of a clock that all processes of this machine share (on Linux), and that nobody sets. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e6;

/** Asks about sessions once a millisecond, and keeps what was answered. */
export class WatchedSessions {
  histories = [];
  /** Not known to be ended: asked about each time. The others in turn. */
  #open = [];
  #settled = [];
  #next = 0;
  #looking = setInterval(() => this.#look(), 1);

  constructor(revocations) {
    this.revocations = revocations;
  }

  add(sessionId) {
    const history = { sessionId, accepted: 0, lastAcceptedAt: 0, positionThen: 0, answers: [] };
    this.histories.push(history);
    this.#open.push(history);
    return this.#ask(history, monotonic());
  }

  stop() {
    clearInterval(this.#looking);
  }

  #look() {
    // Before anybody is asked: an acceptance is never dated later than it was.
    const at = monotonic();
    const open = [];
    for (const history of this.#open) (this.#ask(history, at) === true ? this.#settled : open).push(history);
    this.#open = open;
    for (let i = Math.min(SETTLED_A_LOOK, this.#settled.length); i > 0; i--) {
      this.#ask(this.#settled[this.#next++ % this.#settled.length], at);
    }
  }

  #ask(history, at) {
    const answer = verdict(this.revocations, history.sessionId);
    if (answer === false) {
      history.accepted++;
      history.lastAcceptedAt = at;
      history.positionThen = Math.max(history.positionThen, this.revocations.position);
    }
    if (history.answers.at(-1) !== answer) history.answers.push(answer);
    return answer;
  }
}

export function verdict(revocations, sessionId) {
  try {
    return revocations.isRevoked(sessionId);
  } catch (error) {
    return error.code;
  }
}
