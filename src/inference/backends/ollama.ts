import { AppError } from '../../errors.ts';
import { readOllamaDescription } from '../../registry/gate/ollama/description.ts';
import type {
  Asking,
  Backend,
  BackendAvailability,
  BackendSettings,
  LoadedModel,
  LoadOptions,
  ModelPackage,
} from '../backend.ts';
import { Breaker } from './ollama/breaker.ts';
import { ollamaEmbedder } from './ollama/embedder.ts';
import { ollamaGenerator } from './ollama/generator.ts';
import { OllamaServer } from './ollama/server.ts';

export const defaultOllamaHost = new URL('http://127.0.0.1:11434/');
/** Who asks for the state of things does not wait for a server that hangs. */
const probeMs = 400;
const rememberMs = 3_000;

/** Models that an Ollama server runs: chat, generate and embeddings. Nothing is loaded here. */
export class OllamaBackend implements Backend {
  readonly placement = 'inline';
  readonly #server: OllamaServer;
  readonly #defaultModel: string | undefined;
  #known: { readonly at: number; readonly answer: BackendAvailability } | undefined;
  #looking: Promise<BackendAvailability> | undefined;

  constructor({ ollamaHost = defaultOllamaHost, ollamaDefaultModel }: BackendSettings = {}) {
    this.#server = new OllamaServer(ollamaHost);
    this.#defaultModel = ollamaDefaultModel;
  }

  /** Reads what the package says; the server need not be there. @throws AppError MODEL_LOAD_FAILED, DEVICE_UNAVAILABLE */
  async load({ directory, entry }: ModelPackage, { device = 'cpu' }: LoadOptions): Promise<LoadedModel> {
    if (device !== 'cpu') {
      const words = `Expected no device for an Ollama model, got "${device}": its server chooses. Leave metadata.serving.device out.`;
      throw new AppError('DEVICE_UNAVAILABLE', words);
    }
    const { modelName = this.#defaultModel, mode } = await readOllamaDescription(directory, entry).catch(
      unloadable(entry),
    );
    if (modelName === undefined) {
      const words = 'The package names no model, and OLLAMA_DEFAULT_MODEL is not set. Set one of the two.';
      throw new AppError('MODEL_LOAD_FAILED', words);
    }
    let disposed = false;
    const breaker = new Breaker(() => this.#server.version(AbortSignal.timeout(probeMs)));
    const model = { server: this.#server, breaker, modelName };
    const { ask, ...shape } = mode === 'embeddings' ? ollamaEmbedder(model) : ollamaGenerator(model, mode);
    return {
      inputs: [],
      ...shape,
      memoryBytes: 0,
      async ask(features: unknown, asking: Asking) {
        if (disposed) throw new AppError('BACKEND_FAILED', 'This model was unloaded. Ask again to load it.');
        return ask(features, asking);
      },
      async predict() {
        throw new AppError('INVALID_INPUT', 'An Ollama model takes no tensors: send prompt, messages or texts.');
      },
      async dispose() {
        disposed = true;
      },
    };
  }

  async availability(): Promise<BackendAvailability> {
    const known = this.#known;
    if (known && performance.now() - known.at <= rememberMs) return known.answer;
    this.#looking ??= this.#look().then((answer) => {
      this.#known = { at: performance.now(), answer };
      this.#looking = undefined;
      return answer;
    });
    // Nobody waits again and again for a server that hangs: when it is back, the one after the next hears of it.
    return known && !known.answer.available ? known.answer : this.#looking;
  }

  async #look(): Promise<BackendAvailability> {
    try {
      return { available: true, version: await this.#server.version(AbortSignal.timeout(probeMs)) };
    } catch {
      return {
        available: false,
        detail: 'No Ollama server answers at OLLAMA_HOST. Start one there (ollama serve), or set where it is.',
      };
    }
  }
}

/** The gate has told the uploader what is wrong with a package; here it can only have changed since. */
const unloadable = (entry: string) => (cause: unknown) => {
  const words = `Expected ${JSON.stringify(entry)} to hold {"modelName","mode"} of an Ollama model, it cannot be read so.`;
  throw new AppError('MODEL_LOAD_FAILED', words, { cause });
};
