import { AppError } from '../../../errors.ts';
import { normalizeRows } from '../../../lib/normalize-rows.ts';
import type { Asking, LoadedModel } from '../../backend.ts';
import { textsOf } from '../../text-features.ts';
import { upstreamFailed } from './failures.ts';
import { countOf, type OllamaModel } from './generator.ts';
import type { OllamaObject } from './server.ts';

/** Texts sent at once: an answer of so many is parsed in milliseconds, and this thread answers others too. */
const textsAtOnce = 64;
const maxReplyBytes = 32 * 2 ** 20;

/** A model that turns texts into vectors. */
export const ollamaEmbedder = (
  model: OllamaModel,
): Pick<LoadedModel, 'fields' | 'outputs'> & Required<Pick<LoadedModel, 'ask'>> => ({
  fields: { inputs: [{ name: 'texts', type: 'array' }], outputs: [] },
  outputs: [{ name: 'embedding', dtype: 'float32', shape: [-1, -1] }],
  async ask(features, asking) {
    refuseGeneration(asking);
    const texts = textsOf(features, [])?.texts ?? [];
    const rows: number[][] = [];
    let promptTokens: number | undefined;
    for (let start = 0; start < texts.length; start += textsAtOnce) {
      const part = texts.slice(start, start + textsAtOnce);
      const reply = await askFor(model, part, asking.signal);
      rows.push(...rowsOf(reply, part, start));
      const tokens = countOf(reply, 'prompt_eval_count', 'promptTokens').promptTokens;
      if (tokens !== undefined) promptTokens = (promptTokens ?? 0) + tokens;
    }
    const data = flat(rows);
    const dimension = rows[0]?.length ?? 0;
    if (asking.normalize) normalizeRows(data, dimension);
    return {
      embedding: { dtype: 'float32', shape: [rows.length, dimension], data },
      ...(promptTokens !== undefined && { promptTokens }),
    };
  },
});

async function askFor({ server, breaker, modelName }: OllamaModel, texts: readonly string[], signal: AbortSignal) {
  return breaker.run(async (heard) => {
    const body = { model: modelName, input: texts };
    for await (const reply of server.ask('/api/embed', { body, signal, maxBytes: maxReplyBytes })) {
      heard();
      return reply;
    }
    throw upstreamFailed('answered with nothing');
  });
}

/** One vector a text. An empty text may get none, which is the caller's to know. */
function rowsOf({ embeddings }: OllamaObject, texts: readonly string[], start: number): number[][] {
  const rows = Array.isArray(embeddings) ? embeddings : [];
  const isWhole = rows.length === texts.length && rows.every((row) => Array.isArray(row) && row.length > 0);
  if (isWhole) return rows;
  const empty = texts.findIndex((text) => text.trim() === '');
  if (empty === -1) throw upstreamFailed('did not give one vector for each text');
  const path = `features.texts[${start + empty}]`;
  const message = 'expected a text that is not empty, for the model gives no vector for nothing';
  throw new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}

function flat(rows: readonly (readonly unknown[])[]): Float32Array {
  const dimension = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * dimension);
  rows.forEach((row, index) => {
    if (row.length !== dimension) throw upstreamFailed('gave vectors of different lengths');
    row.forEach((value, column) => {
      const at = index * dimension + column;
      data[at] = typeof value === 'number' ? value : Number.NaN;
      if (!Number.isFinite(data[at])) throw upstreamFailed('gave a vector with what is no number');
    });
  });
  return data;
}

function refuseGeneration({ generation = {}, onDelta }: Asking): void {
  const [name] = Object.entries(generation).find(([, value]) => value !== undefined) ?? (onDelta ? ['stream'] : []);
  if (name === undefined) return;
  const path = `options.${name}`;
  const message = 'expected only for models that write text, this one embeds texts; leave it out';
  throw new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
