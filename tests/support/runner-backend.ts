import { AppError } from '../../src/errors.ts';
import type { Backend, LoadedModel, ModelPackage } from '../../src/inference/backend.ts';
import type { TensorMap, TensorSpec } from '../../src/lib/tensor.ts';

/** Blocks the thread as native code does: timers, sockets and signals of this thread wait. */
export const block = (milliseconds?: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Touches memory until somebody stops it. */
function grow(): never {
  const kept: Buffer[] = [];
  for (;;) kept.push(Buffer.alloc(32 * 2 ** 20, 1));
}

/**
 * What a model of this backend does, told by the start of its package's `entry`; the part behind a colon is a
 * number. The model itself doubles: `x` float32 `[-1, 2]` → `y` float32 `[-1, 2]`.
 */
const loadBehaviours: Readonly<Record<string, (amount: number) => void>> = {
  'load-slow': block,
  'load-hang': () => block(),
  'load-abort': () => process.abort(),
  'load-grow': grow,
  'load-error': () => {
    throw new Error('the file makes no sense');
  },
};
const runBehaviours: Readonly<Record<string, (amount: number, inputs: TensorMap) => void>> = {
  slow: block,
  hang: () => block(),
  abort: () => process.abort(),
  grow,
  exhaust: () => {
    throw new AppError('MODEL_RESOURCE', 'too much memory asked for');
  },
  /** Fails on a negative number. */
  picky: (_amount, { x }) => {
    if (x && (x.data as Float32Array).some((value) => value < 0)) throw new AppError('BACKEND_FAILED', 'negative');
  },
};

export interface BehavingBackendEvents {
  readonly onLoad?: (model: ModelPackage) => void;
  readonly onRun?: (rows: number) => void;
  readonly onDispose?: (model: ModelPackage) => void;
}

/** A backend without a framework, whose models behave well or badly as their packages say. */
export class BehavingBackend implements Backend {
  readonly placement = 'runner';
  readonly #events: BehavingBackendEvents;

  constructor(events: BehavingBackendEvents = {}) {
    this.#events = events;
  }

  async availability() {
    return { available: true } as const;
  }

  async load(model: ModelPackage): Promise<LoadedModel> {
    const [behaviour = '', amount = '0'] = model.entry.split(':');
    loadBehaviours[behaviour]?.(Number(amount));
    this.#events.onLoad?.(model);
    const shape = behaviour === 'fixed' ? [1, 2] : [-1, 2];
    const spec = (name: string): TensorSpec => ({ name, dtype: 'float32', shape });
    let disposed = false;
    return {
      inputs: [spec('x')],
      outputs: [spec('y')],
      memoryBytes: behaviour === 'big' ? Number(amount) : 1000,
      predict: async (inputs) => {
        if (disposed) throw new Error('used after it was disposed');
        this.#events.onRun?.(inputs.x?.shape[0] ?? 0);
        runBehaviours[behaviour]?.(Number(amount), inputs);
        if (behaviour === 'async') await new Promise((resolve) => setTimeout(resolve, Number(amount)));
        if (disposed) throw new Error('disposed while it ran');
        return run(inputs, behaviour);
      },
      dispose: async () => {
        if (!disposed) this.#events.onDispose?.(model);
        disposed = true;
      },
    };
  }
}

function run({ x }: TensorMap, behaviour: string): TensorMap {
  if (!x) throw new Error('x is missing');
  const data = Float32Array.from(x.data as Float32Array, (value) => value * 2);
  // A model that looks at its neighbours: merging it would change the answers.
  if (behaviour === 'mixing') data.fill(data.reduce((sum, value) => sum + value, 0));
  return { y: { dtype: 'float32', shape: x.shape, data } };
}
