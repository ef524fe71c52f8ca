import { z } from 'zod';
import { AppError } from '../../../errors.ts';

const maxTextBytes = 262_144;
const maxImages = 8;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const Images = z
  .array(z.string().min(4).regex(base64, 'expected base64 of an image file, without a data: prefix'))
  .max(maxImages);

const Message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  images: Images.optional(),
  /** As an answer had it, when it is sent back as history. */
  thinking: z.string().optional(),
  tool_name: z.string().max(256).optional(),
});

const Chat = z.strictObject({ messages: z.array(Message).min(1).max(1000) });
const Prompt = z.strictObject({ prompt: z.string().min(1), images: Images.optional() });

export interface ChatQuestion {
  readonly messages: readonly z.infer<typeof Message>[];
}

/**
 * What features ask of a chat model: its messages, or a prompt as one message of the user.
 *
 * @throws AppError INVALID_INPUT with the path of each wrong value
 */
export function chatQuestion(features: unknown): ChatQuestion {
  if (isObject(features) && 'messages' in features) return bounded(checked(Chat, features));
  return { messages: [{ role: 'user', ...rename(promptQuestion(features)) }] };
}

/** What features ask of a generating model: a prompt. @throws AppError INVALID_INPUT */
export function promptQuestion(features: unknown): z.infer<typeof Prompt> {
  const given = typeof features === 'string' ? { prompt: features } : features;
  if (!isObject(given) || !('prompt' in given)) {
    throw invalid('features', 'expected {"messages":[{"role","content"}]} for a chat model, or {"prompt":"..."}');
  }
  return bounded(checked(Prompt, given));
}

const rename = ({ prompt, ...rest }: z.infer<typeof Prompt>) => ({ content: prompt, ...rest });

function checked<T>(schema: z.ZodType<T>, features: unknown): T {
  const result = schema.safeParse(features);
  if (result.success) return result.data;
  const violations = result.error.issues.slice(0, 20).flatMap((issue) => {
    const path = placeOf(issue.path);
    if (issue.code !== 'unrecognized_keys') return { path, message: issue.message.replace(/^Invalid input: /, '') };
    return issue.keys.slice(0, 20).map((key) => ({
      path: `${path}.${key}`.slice(0, 256),
      message: 'is not a field of these features; remove it or check its spelling',
    }));
  });
  const hint = 'Settings such as temperature stand in options, beside features.';
  throw new AppError('INVALID_INPUT', `${violations[0]?.path}: ${violations[0]?.message}. ${hint}`, { violations });
}

const placeOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((at, key) => at + (typeof key === 'number' ? `[${key}]` : `.${String(key)}`), 'features');

/** Refuses more text than any context takes, before it travels on. */
function bounded<T>(question: T): T {
  let bytes = 0;
  JSON.stringify(question, (key, value) => {
    if (key === 'images') return undefined;
    if (typeof value === 'string') bytes += Buffer.byteLength(value);
    return value;
  });
  if (bytes <= maxTextBytes) return question;
  throw invalid('features', `expected at most ${maxTextBytes} bytes of text in one question, got ${bytes}. Shorten it`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function invalid(path: string, message: string): AppError {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
