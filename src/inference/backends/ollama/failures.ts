import { AppError } from '../../../errors.ts';

/** What messages call the server; where it stands is nobody's business but the operator's. */
export const peer = 'the Ollama server';

/** The server is there, but what it does is not what it should. */
export const upstreamFailed = (what: string, cause?: unknown): AppError =>
  new AppError(
    'UPSTREAM_FAILED',
    `Expected an answer, but the Ollama server ${what}. Try again; its own log says more.`,
    {
      ...(cause !== undefined && { cause }),
    },
  );

/** What a refusing status means to those who asked; what the server wrote beside it stays there. */
export function refusedBy(status: number, modelName: string, retryAfter: string | undefined): AppError {
  if (status === 404) {
    const words = `The Ollama server has no model "${modelName}". Pull it: npm run pull-ollama ${modelName}`;
    return new AppError('MODEL_UNAVAILABLE', words, { retryAfterSeconds: 30 });
  }
  if (status === 429 || status === 503) {
    const words = 'The Ollama server takes no more questions for now: its queue is full. Try again later.';
    return new AppError('UPSTREAM_UNAVAILABLE', words, { retryAfterSeconds: secondsOf(retryAfter) });
  }
  if (status === 400 || status === 413 || status === 422) {
    const words = `The Ollama server refuses this question to its model "${modelName}": it may be longer than the context, or the model is not made for this mode.`;
    return new AppError('INVALID_INPUT', words, { violations: [{ path: 'features', message: words }] });
  }
  if (status === 401 || status === 403) return upstreamFailed(`does not let this one in (${status})`);
  if (status >= 300 && status < 400) return upstreamFailed('sends elsewhere, where nobody follows');
  return upstreamFailed(`broke (${status})`);
}

const defaultRetrySeconds = 5;

function secondsOf(retryAfter: string | undefined): number {
  const seconds = /^\d{1,4}$/.test(retryAfter ?? '') ? Number(retryAfter) : defaultRetrySeconds;
  return Math.max(1, seconds);
}
