/** The part of node-llama-cpp that is used here; the package itself is installed on demand. */
export interface LlamaModule {
  getLlama(options: object): Promise<Llama>;
  readonly LlamaChatSession: new (options: object) => ChatSession;
  readonly LlamaCompletion: new (options: object) => Completion;
}

interface Llama {
  loadModel(options: object): Promise<Model>;
  createGrammarForJsonSchema(schema: unknown): Promise<unknown>;
  getGrammarFor(name: 'json'): Promise<unknown>;
}

interface Model {
  tokenize(text: string): readonly unknown[];
  createContext(options: object): Promise<{ getSequence(): { clearHistory(): Promise<void> } }>;
  createEmbeddingContext(options: object): Promise<{ getEmbeddingFor(text: string): Promise<{ vector: number[] }> }>;
}

interface ChatSession {
  setChatHistory(history: readonly object[]): void;
  promptWithMeta(text: string, options: object): Promise<{ stopReason: string }>;
  dispose(options?: object): void;
}

interface Completion {
  generateCompletionWithMeta(text: string, options: object): Promise<{ metadata: { stopReason: string } }>;
  dispose(options?: object): void;
}

export interface Generation {
  /** As Ollama's routes take them. */
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly prompt?: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly format?: unknown;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

export interface Generated {
  readonly doneReason: 'stop' | 'length';
  readonly promptTokens: number;
  readonly tokens: number;
}

/** A real language model in this process, which answers one question at a time. */
export class LlamaModel {
  readonly #module: LlamaModule;
  readonly #llama: Llama;
  readonly #model: Model;
  readonly #sequence: { clearHistory(): Promise<void> };
  readonly #embedder: { getEmbeddingFor(text: string): Promise<{ vector: number[] }> };
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    module: LlamaModule,
    llama: Llama,
    model: Model,
    sequence: { clearHistory(): Promise<void> },
    embedder: { getEmbeddingFor(text: string): Promise<{ vector: number[] }> },
  ) {
    this.#module = module;
    this.#llama = llama;
    this.#model = model;
    this.#sequence = sequence;
    this.#embedder = embedder;
  }

  static async load(module: LlamaModule, modelPath: string): Promise<LlamaModel> {
    const llama = await module.getLlama({ gpu: false, build: 'never', logLevel: 'error' });
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize: 2048, threads: 1 });
    const embedder = await model.createEmbeddingContext({ contextSize: 512, threads: 1 });
    return new LlamaModel(module, llama, model, context.getSequence(), embedder);
  }

  generate(asked: Generation): Promise<Generated> {
    return this.#inTurn(() => this.#generate(asked));
  }

  /** Vectors of length 1, and the tokens of the texts. */
  embed(texts: readonly string[]): Promise<{ vectors: number[][]; tokens: number }> {
    return this.#inTurn(async () => {
      const vectors: number[][] = [];
      for (const text of texts) vectors.push(unit((await this.#embedder.getEmbeddingFor(text)).vector));
      return { vectors, tokens: texts.reduce((sum, text) => sum + this.#model.tokenize(text).length, 0) };
    });
  }

  async #generate({ messages, prompt = '', options, format, signal, onText }: Generation): Promise<Generated> {
    signal.throwIfAborted();
    await this.#sequence.clearHistory();
    let tokens = 0;
    const grammar = await this.#grammarOf(format);
    const settings = {
      maxTokens: options.num_predict ?? 512,
      temperature: options.temperature ?? 0.8,
      topK: options.top_k,
      topP: options.top_p,
      seed: options.seed,
      customStopTriggers: options.stop,
      grammar,
      signal,
      stopOnAbortSignal: true,
      onTextChunk: onText,
      onToken: (made: readonly unknown[]) => {
        tokens += made.length;
      },
    };
    const reason = messages ? await this.#chat(messages, settings) : await this.#complete(prompt, settings);
    const asked = messages?.map(({ content }) => content).join('\n') ?? prompt;
    const promptTokens = this.#model.tokenize(asked).length;
    return { doneReason: reason === 'maxTokens' ? 'length' : 'stop', promptTokens, tokens };
  }

  async #chat(messages: NonNullable<Generation['messages']>, settings: object): Promise<string> {
    const session = new this.#module.LlamaChatSession({ contextSequence: this.#sequence, autoDisposeSequence: false });
    try {
      const [question, ...before] = [...messages].reverse();
      session.setChatHistory(before.reverse().map(historyItem));
      return (await session.promptWithMeta(question?.content ?? '', settings)).stopReason;
    } finally {
      session.dispose({ disposeSequence: false });
    }
  }

  async #complete(prompt: string, settings: object): Promise<string> {
    const completion = new this.#module.LlamaCompletion({
      contextSequence: this.#sequence,
      autoDisposeSequence: false,
    });
    try {
      return (await completion.generateCompletionWithMeta(prompt, settings)).metadata.stopReason;
    } finally {
      completion.dispose({ disposeSequence: false });
    }
  }

  async #grammarOf(format: unknown): Promise<unknown> {
    if (format === undefined) return undefined;
    return format === 'json' ? this.#llama.getGrammarFor('json') : this.#llama.createGrammarForJsonSchema(format);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function historyItem({ role, content }: { role: string; content: string }): object {
  if (role === 'assistant') return { type: 'model', response: [content] };
  return { type: role === 'system' ? 'system' : 'user', text: content };
}

function unit(vector: readonly number[]): number[] {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}
