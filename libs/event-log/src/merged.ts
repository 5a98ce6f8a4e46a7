import DataLoader from 'dataloader';

const MAX_QUESTIONS = 256;
/** A statement that takes longer than they do is not waited for. */
const PATIENCE_MS = 10;

/**
 * Look-ups of one kind, many in one statement: what is asked while a statement is under way goes into the next one
 * together. Each statement is sent after all of its questions were asked, so that an answer is never older than its
 * question. Never keeps an answer.
 *
 * `ask` answers in the order of the questions. Its statement best takes them as `unnest((SELECT $1::text[]))`: PostgreSQL
 * cannot see then how many they are, and does not plan it anew each time, which takes longer than to run it.
 */
export function merged<Question, Answer>(
  ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
  maxQuestions = MAX_QUESTIONS,
): (question: Question) => Promise<Answer> {
  const waiting: (() => void)[] = [];
  let current: symbol | undefined;
  const send = () => {
    if (current === undefined) waiting.shift()?.();
  };
  const questions = new DataLoader<Question, Answer>(
    async (asked) => {
      const own = (current = Symbol());
      const makeWay = () => {
        if (current !== own) return;
        current = undefined;
        // With what these answers lead to.
        setImmediate(send);
      };
      const impatient = setTimeout(makeWay, PATIENCE_MS);
      try {
        return await ask(asked);
      } finally {
        clearTimeout(impatient);
        makeWay();
      }
    },
    {
      cache: false,
      maxBatchSize: maxQuestions,
      batchScheduleFn: (dispatch) => {
        waiting.push(dispatch);
        // Behind whatever has arrived with this one.
        setImmediate(send);
      },
    },
  );
  return (question) => questions.load(question);
}
