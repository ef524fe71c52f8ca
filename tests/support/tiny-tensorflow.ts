/** TensorFlow's DataType numbers. */
const dataTypes = { float32: 1, int32: 3, string: 7, int64: 9, bool: 10 } as const;
type TinyDtype = keyof typeof dataTypes;

export type TinyFiles = Readonly<Record<string, string | Uint8Array>>;

interface TinyNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: object;
}

const dims = (shape: readonly number[]) => ({ dim: shape.map((size) => ({ size: String(size) })) });

/** A node that callers feed; -1 is a free dimension. */
export const placeholder = (name: string, dtype: TinyDtype, shape: readonly number[]): TinyNode => ({
  name,
  op: 'Placeholder',
  attr: { dtype: { type: dataTypes[dtype] }, shape: { shape: dims(shape) } },
});

/** `T` and similar type attributes. */
export const typed = (attributes: Readonly<Record<string, TinyDtype>>) =>
  Object.fromEntries(Object.entries(attributes).map(([key, dtype]) => [key, { type: dataTypes[dtype] }]));

const floatConstant = (name: string, shape: readonly number[]): TinyNode => ({
  name,
  op: 'Const',
  attr: {
    dtype: { type: dataTypes.float32 },
    value: { tensor: { dtype: dataTypes.float32, tensorShape: dims(shape) } },
  },
});

interface TinyWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const manifest = (weights: readonly TinyWeight[]) => [
  { paths: ['weights.bin'], weights: weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
];

const weightBytes = (weights: readonly TinyWeight[]): Uint8Array =>
  new Uint8Array(Float32Array.from(weights.flatMap(({ values }) => values)).buffer);

/** A graph model as the converter writes it. */
export function tinyGraph(
  nodes: readonly TinyNode[],
  weights: readonly TinyWeight[] = [],
  signature?: object,
): TinyFiles {
  const model = {
    format: 'graph-model',
    modelTopology: {
      node: [...weights.map(({ name, shape }) => floatConstant(name, shape)), ...nodes],
      library: {},
      versions: {},
    },
    weightsManifest: weights.length ? manifest(weights) : [],
    ...(signature && { signature }),
  };
  return { 'model.json': JSON.stringify(model), ...(weights.length && { 'weights.bin': weightBytes(weights) }) };
}

/** `sum = a + b` over float32 `[batch, 2]`. */
export const addGraph = (): TinyFiles =>
  tinyGraph([
    placeholder('a', 'float32', [-1, 2]),
    placeholder('b', 'float32', [-1, 2]),
    { name: 'sum', op: 'AddV2', input: ['a', 'b'], attr: typed({ T: 'float32' }) },
  ]);

/** `scores = features × [[1, 2], [3, 4]]`, named by a signature that differs from the nodes. */
export const signedGraph = (): TinyFiles =>
  tinyGraph(
    [
      placeholder('serving_x', 'float32', [-1, 2]),
      { name: 'product', op: 'MatMul', input: ['serving_x', 'w'], attr: typed({ T: 'float32' }) },
      { name: 'Identity', op: 'Identity', input: ['product'], attr: typed({ T: 'float32' }) },
    ],
    [{ name: 'w', shape: [2, 2], values: [1, 2, 3, 4] }],
    {
      inputs: { features: { name: 'serving_x:0', dtype: 'DT_FLOAT', tensorShape: dims([-1, 2]) } },
      outputs: { scores: { name: 'Identity:0', dtype: 'DT_FLOAT', tensorShape: dims([-1, 2]) } },
    },
  );

/** `y = x` for a dtype that TensorFlow has. */
export const identityGraph = (dtype: TinyDtype, shape: readonly number[]): TinyFiles =>
  tinyGraph([placeholder('x', dtype, shape), { name: 'y', op: 'Identity', input: ['x'], attr: typed({ T: dtype }) }]);

/** Where `x` is true, as `[count, rank]`: the shape depends on the values, so it runs only asynchronously. */
export const whereGraph = (): TinyFiles =>
  tinyGraph([placeholder('x', 'bool', [-1]), { name: 'y', op: 'Where', input: ['x'], attr: typed({ T: 'bool' }) }]);

const base64 = (text: string) => ({ s: Buffer.from(text).toString('base64') });

/** Each string with every `a` as `o`: WebAssembly has no kernel for it, plain JavaScript has. */
export const replaceGraph = (): TinyFiles =>
  tinyGraph([
    placeholder('x', 'string', [-1]),
    {
      name: 'y',
      op: 'StaticRegexReplace',
      input: ['x'],
      attr: { pattern: base64('a'), rewrite: base64('o'), replace_global: { b: true } },
    },
  ]);

/** A Keras model of one dense layer: `y = x × [[1, 2], [3, 4]] + [10, 20]`. */
export function denseLayers(): TinyFiles {
  const weights: TinyWeight[] = [
    { name: 'dense/kernel', shape: [2, 2], values: [1, 2, 3, 4] },
    { name: 'dense/bias', shape: [2], values: [10, 20] },
  ];
  const dense = {
    name: 'dense',
    units: 2,
    activation: 'linear',
    use_bias: true,
    batch_input_shape: [null, 2],
    dtype: 'float32',
  };
  const model = {
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: { name: 'tiny', layers: [{ class_name: 'Dense', config: dense }] },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: manifest(weights),
  };
  return { 'model.json': JSON.stringify(model), 'weights.bin': weightBytes(weights) };
}
