import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { Ollama } from 'ollama';

/** The product, with models over one Ollama model registered: `chat`, `generate`, `embed` and `missing`. */
export interface Subject {
  /** Asks a route of the product; `accept` other than JSON gives text. */
  readonly post: (path: string, body: unknown) => Promise<Answer>;
  /** Asks for pieces; `leaveAfter` hangs up after so many. */
  readonly stream: (body: unknown, leaveAfter?: number) => Promise<Piece[]>;
  readonly get: (path: string) => Promise<Answer>;
  readonly ollamaHost: string;
  readonly ollamaModel: string;
}

export interface Answer {
  readonly status: number;
  // `any`, for checks read replies as they come.
  readonly body: any;
}

export interface Piece {
  readonly delta?: string;
  readonly done?: boolean;
  readonly prediction?: { readonly response: string };
}

const exact = { temperature: 0, seed: 1, num_predict: 24 };
const messages = [{ role: 'user', content: 'Why is the sky blue?' }];

/** What must hold with any Ollama model, by name. */
export const checks: Readonly<Record<string, (subject: Subject) => Promise<string>>> = {
  async 'the server answers'({ get }) {
    const { body } = await get('/status');
    ok(body.backends.ollama.available);
    return `version ${body.backends.ollama.version}`;
  },
  async 'chat writes text, within its tokens'({ post }) {
    const { status, body } = await post('/predict', { modelName: 'chat', features: { messages }, options: exact });
    strictEqual(status, 200, JSON.stringify(body));
    ok(body.prediction.response.length > 0);
    strictEqual(body.prediction.message.content, body.prediction.response);
    ok(body.usage.promptTokens > 0 && body.usage.completionTokens <= exact.num_predict + 1, JSON.stringify(body.usage));
    return body.prediction.response;
  },
  async 'pieces are the same text'({ post, stream }) {
    const asked = { modelName: 'chat', features: { messages } };
    const whole = await post('/predict', { ...asked, options: exact });
    const pieces = await stream({ ...asked, options: { ...exact, stream: true } });
    const text = pieces.map(({ delta = '' }) => delta).join('');
    const last = pieces.at(-1);
    ok(last?.done, JSON.stringify(last));
    strictEqual(last?.prediction?.response, text);
    strictEqual(text, whole.body.prediction.response);
    return `${pieces.length - 1} pieces`;
  },
  async 'the official client reads the same'({ post, ollamaHost, ollamaModel }) {
    const whole = await post('/predict', { modelName: 'chat', features: { messages }, options: exact });
    const official = await new Ollama({ host: ollamaHost }).chat({ model: ollamaModel, messages, options: exact });
    strictEqual(official.message.content, whole.body.prediction.response);
    return 'equal';
  },
  async 'generate goes on with a prompt'({ post }) {
    const asked = { modelName: 'generate', features: { prompt: 'Once upon a time' }, options: exact };
    const { status, body } = await post('/predict', asked);
    strictEqual(status, 200, JSON.stringify(body));
    ok(body.prediction.response.length > 0);
    return body.prediction.response;
  },
  async 'a schema gives JSON of its shape'({ post }) {
    const format = { type: 'object', properties: { number: { type: 'integer' } }, required: ['number'] };
    const features = { prompt: 'A number as JSON: ' };
    const { body } = await post('/predict', {
      modelName: 'generate',
      features,
      options: { ...exact, num_predict: 64, format },
    });
    const value = JSON.parse(body.prediction.response.trim());
    ok(Number.isInteger(value.number), body.prediction.response);
    return JSON.stringify(value);
  },
  async 'embeddings have one length, and each text its own'({ post }) {
    const texts = ['a trail running shoe', 'a warm winter jacket', 'a trail running shoe'];
    const { status, body } = await post('/predict', { modelName: 'embed', features: { texts } });
    strictEqual(status, 200, JSON.stringify(body));
    const [first, second, third] = body.prediction.embeddings;
    deepStrictEqual(third, first);
    ok(Math.abs(dot(first, first) - 1) < 1e-3, 'a vector of length 1');
    ok(dot(first, second) < 0.9999, 'two texts have two vectors');
    strictEqual(body.dimension, first.length);
    return `${body.dimension} numbers`;
  },
  async 'products are ranked with them'({ post }) {
    const products = [
      { id: 'jacket', name: 'Down jacket', description: 'warm jacket for winter' },
      { id: 'shoe', name: 'Trail runner', description: 'light shoe for trail running' },
    ];
    const asked = { products, userContext: { activityType: 'trail-running' }, modelName: 'embed' };
    const { status, body } = await post('/personalize', asked);
    strictEqual(status, 200, JSON.stringify(body));
    return body.products.map(({ id }: { id: string }) => id).join(', ');
  },
  async 'a model that is not there is named'({ post }) {
    const { status, body } = await post('/predict', { modelName: 'missing', features: { prompt: 'a' } });
    strictEqual(status, 503);
    strictEqual(body.code, 'MODEL_UNAVAILABLE');
    return body.detail;
  },
  async 'who hangs up ends the work'({ post, stream }) {
    const long = { temperature: 0, seed: 1, num_predict: 1024, stream: true };
    await stream({ modelName: 'generate', features: { prompt: 'A very long story: ' }, options: long }, 3);
    const begin = performance.now();
    const short = { modelName: 'generate', features: { prompt: 'a' }, options: { ...exact, num_predict: 1 } };
    const { status } = await post('/predict', short);
    strictEqual(status, 200);
    return `the next answer came after ${Math.round(performance.now() - begin)} ms`;
  },
};

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
