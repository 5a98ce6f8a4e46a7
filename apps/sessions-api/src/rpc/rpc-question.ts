import { z } from 'zod';
import { accountInput, noteText } from '../http/input.js';
import type { FieldError } from '../http/invalid-input.js';

const MAX_BYTES = 1_024;
export const MAX_PAGE = 5_000;

const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const boot = { instance: name, bootId: name };

/** `nonce` comes back with the answer: it is to this question and no other. `subscriber` is registered before the answer. */
export const headQuestion = z.object({
  nonce: z.string().min(1).max(64),
  subscriber: z
    .object({
      ...boot,
      maxStaleness: z.number().min(500).max(86_400_000),
      policy: z.enum(['refuse', 'allow']),
    })
    .optional(),
});

export const signOffQuestion = z.object(boot);

export const receiptMessage = z.object({
  bootId: name,
  logId: z.string(),
  epoch: z.number(),
  position: z.number().int().min(0),
  revocations: z.number().int().min(0),
});

export const revocationsQuestion = z.object({
  after: z.number().int().min(0),
  limit: z.number().int().min(1).max(MAX_PAGE),
});

export const revokeAllQuestion = z.strictObject({ ...accountInput.shape, note: noteText.optional() });
export type RevokeAllQuestion = z.output<typeof revokeAllQuestion>;

export const revokeQuestion = revokeAllQuestion.extend({ token: z.string() });
export type RevokeQuestion = z.output<typeof revokeQuestion>;

/** What is answered instead of what was asked for. */
export interface RpcError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly errors?: readonly FieldError[];
    /** Seconds. */
    readonly retryAfter?: number;
  };
}

export const rpcError = (code: string, message: string, errors?: readonly FieldError[]): RpcError => ({
  error: { code, message, ...(errors && { errors }) },
});

export type Question<Asked> = { readonly asked: Asked } | { readonly refusal: RpcError };

export function readQuestion<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
): Question<z.output<Schema>> {
  if (bytes.length > MAX_BYTES) {
    return { refusal: rpcError('INPUT_INVALID', `the question has more than ${MAX_BYTES} bytes`) };
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return { refusal: rpcError('INPUT_INVALID', 'the question is not JSON') };
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return { asked: data };
  const errors = error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
  return { refusal: rpcError('INPUT_INVALID', 'the question is invalid', errors) };
}
