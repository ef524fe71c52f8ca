import { untilAborted } from '../../../lib/until-aborted.ts';
import type { OllamaDescription } from '../../../registry/gate/ollama/description.ts';
import type { Answer, Asking, GenerationOptions, LoadedModel } from '../../backend.ts';
import type { Breaker } from './breaker.ts';
import { upstreamFailed } from './failures.ts';
import { chatQuestion, promptQuestion } from './questions.ts';
import type { OllamaObject, OllamaServer } from './server.ts';

/** How a model of an Ollama server is reached. */
export interface OllamaModel {
  readonly server: OllamaServer;
  readonly breaker: Breaker;
  /** Its name there. */
  readonly modelName: string;
}

/** A model that writes text: chat answers messages, generate goes on with a prompt. */
export const ollamaGenerator = (
  model: OllamaModel,
  mode: Exclude<OllamaDescription['mode'], 'embeddings'>,
): Pick<LoadedModel, 'fields' | 'outputs'> & Required<Pick<LoadedModel, 'ask'>> => ({
  fields: {
    inputs: [mode === 'chat' ? { name: 'messages', type: 'array' } : { name: 'prompt', type: 'string' }],
    outputs: [{ name: 'response', type: 'string' }],
  },
  outputs: [],
  async ask(features, asking) {
    const { generation = {}, onDelta } = asking;
    const question = mode === 'chat' ? chatQuestion(features) : promptQuestion(features);
    const { format, ...options } = given(generation);
    const body = {
      model: model.modelName,
      ...question,
      stream: onDelta !== undefined,
      ...(format !== undefined && { format }),
      ...(Object.keys(options).length > 0 && { options }),
    };
    // A schema that the server cannot use breaks it as its own faults do.
    const blames = typeof format !== 'object';
    return model.breaker.run(
      (heard) => gather(mode, model.server.ask(`/api/${mode}`, { body, signal: asking.signal }), asking, heard),
      blames,
    );
  },
});

async function gather(
  mode: 'chat' | 'generate',
  parts: AsyncIterable<OllamaObject>,
  { signal, onDelta }: Asking,
  heard: () => void,
): Promise<Answer> {
  let response = '';
  let thinking = '';
  let last: OllamaObject | undefined;
  for await (const part of parts) {
    heard();
    const said = mode === 'chat' ? objectAt(part, 'message') : part;
    const text = textAt(said, mode === 'chat' ? 'content' : 'response');
    response += text;
    thinking += textAt(said, 'thinking');
    if (part.done === true) last = part;
    const waiting = text === '' ? undefined : onDelta?.(text);
    if (waiting) await untilAborted(waiting, signal);
  }
  if (!last) throw upstreamFailed('ended its answer before it was done');
  const reasoning = thinking === '' ? {} : { thinking };
  return {
    value: {
      response,
      ...(mode === 'chat' ? { message: { role: 'assistant', content: response, ...reasoning } } : reasoning),
      ...(typeof last.done_reason === 'string' && { doneReason: last.done_reason.slice(0, 64) }),
    },
    ...countOf(last, 'prompt_eval_count', 'promptTokens'),
    ...countOf(last, 'eval_count', 'completionTokens'),
  };
}

/** Settings that the caller gave; an absent one is the model's own. */
const given = (options: GenerationOptions): GenerationOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

const objectAt = (part: OllamaObject, key: string): OllamaObject =>
  typeof part[key] === 'object' && part[key] !== null ? (part[key] as OllamaObject) : {};

function textAt(part: OllamaObject, key: string): string {
  const value = part[key];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw upstreamFailed(`answered with a "${key}" that is no text`);
  return value;
}

/** A count that the server gives; it leaves out those that are zero or unknown to it. */
export function countOf<Name extends 'promptTokens' | 'completionTokens'>(
  part: OllamaObject,
  key: string,
  name: Name,
): { [name in Name]?: number } {
  const count = part[key];
  return (Number.isSafeInteger(count) && (count as number) >= 0 ? { [name]: count } : {}) as {
    [name in Name]?: number;
  };
}
