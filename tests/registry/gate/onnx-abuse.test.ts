import { describe, expect, test } from 'vitest';
import {
  functionProto,
  graph,
  mapType,
  node,
  onnxModel,
  opsetId,
  optionalType,
  sequenceType,
  sparseTensor,
  sparseType,
  tensor,
  tensorParts,
  tensorType,
  trainingInfo,
  typedValue,
  value,
} from '../../support/onnx-writer.ts';
import { bytesField, intField, tag, varint } from '../../support/protobuf-writer.ts';
import { inspectFile, refusalOf } from './gate.ts';

const x = value('x', 'float32', ['batch', 4]);
const y = value('y', 'float32', ['batch', 4]);
const k = tensor('k', 'float32', [4], [1, 2, 3, 4]);
const add = node('Add', ['x', 'k'], ['y']);
const plain = { inputs: [x], outputs: [y], nodes: [add], initializers: [k] };
const external = (location: string) =>
  tensorParts({ name: 'k', type: 'float32', dims: [4], external: { location }, location: 1 });
const refused = (bytes: Buffer) => refusalOf(inspectFile(bytes));

describe('M1-M3 external data', () => {
  test('the model without it is let through', async () => {
    expect(await inspectFile(onnxModel(plain))).toMatchObject({ opset: 21, nodeCount: 1 });
  });

  test.each([
    ['M1', '/etc/passwd'],
    ['M2', '../../x'],
    ['M2', 'a/../../x'],
    ['M2', 'etc/passwd'],
    ['M2', '/dev/zero'],
    ['M2', '/proc/self/environ'],
    ['M2', 'weights.bin'],
    ['M3', '*/_ORT_MEM_ADDR_/*'],
  ])('%s location %s', async (_id, location) => {
    const refusal = await refused(onnxModel({ ...plain, initializers: [external(location)] }));
    expect(refusal).toMatchObject({ code: 'MODEL_EXTERNAL_DATA', path: 'graph.initializer[0]' });
    expect(refusal.message).toContain('"k"');
  });

  test.each([
    ['the location alone', { location: 1 }],
    ['a location that is 1 only in its lower 32 bits', { location: 2 ** 32 + 1 }],
    ['a location that no one has defined', { location: 7, raw: Buffer.alloc(16) }],
    ['entries alone', { external: { location: '/etc/passwd' }, raw: Buffer.alloc(16) }],
  ])('M1 %s', async (_name, parts) => {
    const hostile = tensorParts({ name: 'k', type: 'float32', dims: [4], ...parts });
    expect(await refused(onnxModel({ ...plain, initializers: [hostile] }))).toMatchObject({
      code: 'MODEL_EXTERNAL_DATA',
    });
  });

  test('M1 a location that is set and then unset', async () => {
    const hostile = Buffer.concat([external('/etc/passwd'), intField(14, 0)]);
    expect(await refused(onnxModel({ ...plain, initializers: [hostile] }))).toMatchObject({
      code: 'MODEL_EXTERNAL_DATA',
    });
  });
});

describe('M4 external data in every place a tensor can hide', () => {
  const bad = external('/etc/passwd');
  const badGraph = graph({ initializers: [bad] });
  const good = tensor('', 'float32', [4], [1, 2, 3, 4]);
  const index = tensor('', 'int64', [1], [0]);
  const withNode = (attributes: Parameters<typeof node>[3]) =>
    onnxModel({ ...plain, nodes: [add, node('Thing', ['x'], ['z'], attributes)] });
  const inFunction = (parts: object) =>
    onnxModel({
      ...plain,
      functions: [functionProto({ name: 'f', domain: 'own', inputs: ['a'], outputs: ['b'], nodes: [], ...parts })],
    });
  const deep = (levels: number): Buffer =>
    levels === 0 ? badGraph : graph({ nodes: [node('If', ['c'], [], { then_branch: { g: deep(levels - 1) } })] });

  test.each<[string, Buffer]>([
    ['graph.initializer[1]', onnxModel({ ...plain, initializers: [k, bad] })],
    [
      'graph.sparse_initializer[0].values',
      onnxModel({ ...plain, sparseInitializers: [sparseTensor([4], bad, index)] }),
    ],
    [
      'graph.sparse_initializer[0].indices',
      onnxModel({ ...plain, sparseInitializers: [sparseTensor([4], good, bad)] }),
    ],
    ['graph.node[1].attribute[0].t', withNode({ value: { t: bad } })],
    ['graph.node[1].attribute[0].tensors[1]', withNode({ values: { tensors: [good, bad] } })],
    [
      'graph.node[1].attribute[1].sparse_tensor.values',
      withNode({ a: { i: 1 }, value: { sparse: sparseTensor([4], bad, index) } }),
    ],
    [
      'graph.node[1].attribute[0].sparse_tensors[0].indices',
      withNode({ value: { sparses: [sparseTensor([4], good, bad)] } }),
    ],
    ['graph.node[1].attribute[0].g.initializer[0]', withNode({ then_branch: { g: badGraph } })],
    ['graph.node[1].attribute[0].graphs[1].initializer[0]', withNode({ bodies: { graphs: [graph({}), badGraph] } })],
    [
      'graph.node[1].attribute[0].g.node[0].attribute[0].g.node[0].attribute[0].g.initializer[0]',
      withNode({ body: { g: deep(2) } }),
    ],
    [
      'functions[0].node[0].attribute[0].t',
      inFunction({ nodes: [node('Constant', [], ['b'], { value: { t: bad } })] }),
    ],
    [
      'functions[0].attribute_proto[0].t',
      inFunction({ defaults: [Buffer.concat([bytesField(1, 'v'), bytesField(5, bad)])] }),
    ],
    ['training_info[0].algorithm.initializer[0]', onnxModel({ ...plain, trainingInfo: [trainingInfo(badGraph)] })],
    [
      'training_info[1].initialization.initializer[0]',
      onnxModel({ ...plain, trainingInfo: [trainingInfo(graph({})), bytesField(1, badGraph)] }),
    ],
    [
      'graph.initializer[0]',
      onnxModel({ ...plain, initializers: [], tail: bytesField(7, graph({ initializers: [bad] })) }),
    ],
  ])('M4 %s', async (path, bytes) => {
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_EXTERNAL_DATA', path });
  });

  test('M4 a second copy of a single field', async () => {
    const twice = Buffer.concat([bytesField(1, 'value'), bytesField(5, good), bytesField(5, bad)]);
    const thing = Buffer.concat([bytesField(4, 'Thing'), bytesField(5, twice)]);
    expect(await refused(onnxModel({ ...plain, nodes: [add, thing] }))).toMatchObject({ code: 'MODEL_EXTERNAL_DATA' });
    const harmless = Buffer.concat([bytesField(1, 'value'), bytesField(5, good), bytesField(5, good)]);
    const other = Buffer.concat([bytesField(4, 'Thing'), bytesField(5, harmless)]);
    expect(await refused(onnxModel({ ...plain, nodes: [add, other] }))).toMatchObject({ code: 'MODEL_MALFORMED' });
  });
});

describe('M5 broken protobuf', () => {
  const whole = onnxModel(plain);

  test.each<[string, Buffer]>([
    ['random bytes', Buffer.from('d3b07384d113edec49eaa6238ad5ff00c86b2a', 'hex')],
    ['a group', Buffer.concat([whole, tag(40, 'startGroup'), tag(40, 'endGroup')])],
    ['a length beyond the end', Buffer.concat([whole, tag(3, 'length'), varint(1_000)])],
    ['a length of 2^63', Buffer.concat([whole, tag(3, 'length'), varint(2n ** 63n)])],
    ['a field number of 0', Buffer.concat([whole, Buffer.from([0x02, 0x00])])],
    ['a number of eleven bytes', Buffer.concat([whole, tag(5, 'varint'), Buffer.alloc(10, 0xff), Buffer.from([1])])],
    ['a graph that is a number', Buffer.concat([whole, intField(7, 1)])],
    ['no graph', Buffer.concat([intField(1, 8), bytesField(8, opsetId('', 21))])],
    ['no outputs', onnxModel({ ...plain, outputs: [] })],
    ['no operator set', Buffer.concat([intField(1, 8), bytesField(7, graph(plain))])],
    ['an output without a name', onnxModel({ ...plain, outputs: [value('', 'float32', [1])] })],
    ['an output that would change a prototype', onnxModel({ ...plain, outputs: [value('__proto__', 'float32', [1])] })],
  ])('M5 %s', async (_name, bytes) => {
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_MALFORMED' });
  });

  test('M5 truncated at any byte', async () => {
    for (let length = 0; length < whole.byteLength; length += 1) {
      const { code } = await refused(whole.subarray(0, length));
      expect(code, `cut at ${length}`).toBe('MODEL_MALFORMED');
    }
  });
});

describe('M6 shapes', () => {
  const four = Buffer.alloc(16);
  const initializer = (parts: Partial<Parameters<typeof tensorParts>[0]>) =>
    onnxModel({ ...plain, initializers: [tensorParts({ name: 'k', type: 'float32', dims: [4], ...parts })] });
  const one = tensor('k', 'float32', [1], [1]);
  const index = tensor('', 'int64', [1], [0]);

  test.each<[string, Buffer]>([
    ['a negative dimension', initializer({ dims: [-4], raw: four })],
    ['two negative dimensions', initializer({ dims: [-2, -2], raw: four })],
    ['more than 2^53 elements', initializer({ dims: [2 ** 30, 2 ** 30], raw: four })],
    ['dimensions that overflow 64 bits to 4', initializer({ dims: [2n ** 62n + 1n, 4], raw: four })],
    ['a claim of 4 TB', initializer({ dims: [2 ** 20, 2 ** 20], raw: four })],
    ['a claim of 4 TB without any data', initializer({ dims: [2 ** 20, 2 ** 20] })],
    ['raw data too short', initializer({ raw: four.subarray(0, 12) })],
    ['raw data too long', initializer({ raw: Buffer.alloc(20) })],
    ['too few numbers', initializer({ floatData: [1, 2] })],
    ['too many numbers', initializer({ floatData: [1, 2, 3, 4, 5] })],
    ['numbers of another type', initializer({ int32Data: [1, 2, 3, 4] })],
    ['data twice', initializer({ raw: four, floatData: [1, 2, 3, 4] })],
    ['too few strings', initializer({ type: 'string', strings: ['a'] })],
    ['strings as raw bytes', initializer({ type: 'string', raw: four })],
    ['too few packed int4', initializer({ type: 'int4', dims: [3], int32Data: [1] })],
    [
      'a sparse tensor of 4 TB',
      onnxModel({ ...plain, initializers: [], sparseInitializers: [sparseTensor([2 ** 20, 2 ** 20], one, index)] }),
    ],
    [
      'a sparse tensor below 0',
      onnxModel({ ...plain, initializers: [], sparseInitializers: [sparseTensor([-4], one, index)] }),
    ],
    [
      'an input of more than 2^53 elements',
      onnxModel({ ...plain, inputs: [value('x', 'float32', [2 ** 30, 2 ** 30])] }),
    ],
    ['an input of 2,000 dimensions', onnxModel({ ...plain, inputs: [value('x', 'float32', Array(2_000).fill(1))] })],
  ])('M6 %s', async (_name, bytes) => {
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_SHAPE' });
  });

  test.each<[string, Buffer]>([
    ['raw bytes', initializer({ raw: four })],
    ['packed numbers', initializer({ floatData: [1, 2, 3, 4] })],
    ['numbers one by one', initializer({ type: 'int64', int64Data: [1, -2, 3, 2n ** 62n] })],
    ['no elements', initializer({ dims: [0, 4] })],
    ['a scalar', initializer({ dims: [], floatData: [1] })],
    ['int4', initializer({ type: 'int4', dims: [3], raw: Buffer.alloc(2) })],
    ['int4 as numbers', initializer({ type: 'int4', dims: [3], int32Data: [1, 2] })],
    ['complex64', initializer({ type: 'complex64', dims: [1], floatData: [1, 2] })],
    [
      'a small sparse tensor',
      onnxModel({ ...plain, initializers: [], sparseInitializers: [sparseTensor([4], one, index)] }),
    ],
  ])('%s pass', async (_name, bytes) => {
    await expect(inspectFile(bytes)).resolves.toBeDefined();
  });
});

describe('M7 operators', () => {
  const own = (functions: readonly Buffer[] = []) =>
    onnxModel({ ...plain, domains: { own: 1 }, nodes: [node('Twice', ['x'], ['y'], {}, 'own')], functions });
  const body = node('Add', ['a', 'a'], ['b']);

  test.each<[string, string, Buffer]>([
    ['a custom domain', 'graph.node[0]', own()],
    [
      'a custom domain in a subgraph',
      'graph.node[1].attribute[0].g.node[0]',
      onnxModel({
        ...plain,
        nodes: [
          add,
          node('If', ['c'], ['z'], { then_branch: { g: graph({ nodes: [node('Evil', [], [], {}, 'evil')] }) } }),
        ],
      }),
    ],
    [
      'a custom domain in a function',
      'functions[0].node[0]',
      own([
        functionProto({
          name: 'Twice',
          domain: 'own',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [node('Evil', [], [], {}, 'evil')],
        }),
      ]),
    ],
    ['opset 27', 'opset_import[0]', onnxModel({ ...plain, opset: 27 })],
    ['opset 2^32 + 21', 'opset_import[0]', onnxModel({ ...plain, opset: 2n ** 32n + 21n })],
    ['ai.onnx.ml 6', 'opset_import[1]', onnxModel({ ...plain, domains: { 'ai.onnx.ml': 6 } })],
    ['com.microsoft 2', 'opset_import[1]', onnxModel({ ...plain, domains: { 'com.microsoft': 2 } })],
    [
      'opset 27 of a function',
      'functions[0].opset_import[0]',
      own([
        functionProto({
          name: 'Twice',
          domain: 'own',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [body],
          opsets: { '': 27 },
        }),
      ]),
    ],
    ['ir_version 14', 'ir_version', onnxModel({ ...plain, irVersion: 14 })],
  ])('M7 %s', async (_name, path, bytes) => {
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_OP_UNSUPPORTED', path });
  });

  test.each<[string, Buffer]>([
    [
      'a local function',
      own([functionProto({ name: 'Twice', domain: 'own', inputs: ['a'], outputs: ['b'], nodes: [body] })]),
    ],
    ['a custom domain that no node uses', onnxModel({ ...plain, domains: { own: 9 } })],
    [
      'the long name of the default domain',
      onnxModel({ ...plain, nodes: [node('Add', ['x', 'k'], ['y'], {}, 'ai.onnx')] }),
    ],
    [
      'contrib operators',
      onnxModel({
        ...plain,
        domains: { 'com.microsoft': 1 },
        nodes: [node('Gelu', ['x'], ['y'], {}, 'com.microsoft')],
      }),
    ],
    ['the newest opset', onnxModel({ ...plain, opset: 26, irVersion: 13 })],
  ])('%s pass', async (_name, bytes) => {
    await expect(inspectFile(bytes)).resolves.toBeDefined();
  });
});

describe('M8 types that JavaScript cannot hold', () => {
  const types = [
    'int4',
    'uint4',
    'int2',
    'uint2',
    'bfloat16',
    'float8e4m3fn',
    'float8e5m2',
    'float4e2m1',
    'float8e8m0',
    'complex64',
    'complex128',
  ] as const;

  test.each(types)('M8 output %s', async (type) => {
    expect(await refused(onnxModel({ ...plain, outputs: [value('y', type, [4])] }))).toMatchObject({
      code: 'MODEL_DTYPE',
      path: 'graph.output[0]',
    });
  });

  test.each(types)('M8 input %s', async (type) => {
    expect(await refused(onnxModel({ ...plain, inputs: [value('x', type, [4])] }))).toMatchObject({
      code: 'MODEL_DTYPE',
      path: 'graph.input[0]',
    });
  });

  test.each<[string, Buffer]>([
    ['no type, which the runtime would infer', typedValue('y')],
    ['an undefined element type', value('y', 'undefined', [4])],
    ['an unknown element type', typedValue('y', bytesField(1, intField(1, 99)))],
    ['a sequence', typedValue('y', sequenceType(tensorType('float32', [4])))],
    ['a map', typedValue('y', mapType('int64', tensorType('float32', [])))],
    ['an optional value', typedValue('y', optionalType(tensorType('float32', [4])))],
    ['a sparse tensor', typedValue('y', sparseType('float32', [4]))],
  ])('M8 %s', async (_name, output) => {
    expect(await refused(onnxModel({ ...plain, outputs: [output] }))).toMatchObject({
      code: 'MODEL_DTYPE',
      path: 'graph.output[0]',
    });
  });

  test('M8 two types, of which protobuf would keep the last', async () => {
    const two = Buffer.concat([typedValue('y', tensorType('float32', [4])), bytesField(2, tensorType('int4', [4]))]);
    const merged = typedValue('y', Buffer.concat([tensorType('float32', [4]), tensorType('int4', [4])]));
    for (const output of [two, merged]) {
      expect(await refused(onnxModel({ ...plain, outputs: [output] }))).toMatchObject({ code: 'MODEL_MALFORMED' });
    }
  });

  test('inside the graph they pass', async () => {
    const inner = onnxModel({
      ...plain,
      initializers: [k, tensorParts({ name: 'q', type: 'int4', dims: [2], raw: Buffer.alloc(1) })],
      nodes: [add, node('Cast', ['q'], ['z'], { to: { i: 16 } })],
    });
    await expect(inspectFile(inner)).resolves.toBeDefined();
  });
});

describe('M9 size and depth', () => {
  const nested = (levels: number): Buffer => {
    let inner = graph({});
    for (let level = 0; level < levels; level += 1)
      inner = graph({ nodes: [node('If', ['c'], [], { then_branch: { g: inner } })] });
    return onnxModel({ ...plain, nodes: [add, node('If', ['c'], [], { then_branch: { g: inner } })] });
  };
  const call = (name: string, from: string, to: string) => node(name, [from], [to], {}, 'own');
  const twice = (name: string, callee: string) =>
    functionProto({
      name,
      domain: 'own',
      inputs: ['a'],
      outputs: ['c'],
      nodes: [call(callee, 'a', 'b'), call(callee, 'b', 'c')],
    });
  const relu = functionProto({
    name: 'f0',
    domain: 'own',
    inputs: ['a'],
    outputs: ['c'],
    nodes: [node('Relu', ['a'], ['c'])],
  });
  const withFunctions = (functions: readonly Buffer[], entry: string) =>
    onnxModel({ ...plain, domains: { own: 1 }, functions, nodes: [call(entry, 'x', 'y')] });
  const doubling = (levels: number) => [
    relu,
    ...Array.from({ length: levels }, (_, level) => twice(`f${level + 1}`, `f${level}`)),
  ];

  test('M9 subgraphs 3,000 deep', async () => {
    expect(await refused(nested(3_000))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M9 subgraphs that lie in a list of graphs are as deep as others', async () => {
    const inList = (levels: number) => {
      let inner = graph({ nodes: [node('Relu', ['x'], ['z'])] });
      for (let level = 0; level < levels; level++)
        inner = graph({ nodes: [node('If', ['x'], ['z'], { branches: { graphs: [inner] } })] });
      return onnxModel({ ...plain, nodes: [node('If', ['x'], ['y'], { branches: { graphs: [inner] } })] });
    };
    expect(await refused(inList(60))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test.each([
    ['one size', [2n ** 62n]],
    ['sizes whose product is too large', [2n ** 30n, 2n ** 30n]],
    ['sizes whose product would come round to the right one', [2n ** 32n, 2n ** 32n, 4n]],
    ['a size below 0', [-4n]],
  ])('M13 a tensor of %s', async (_what, dims) => {
    const hostile = tensorParts({ name: 'k', type: 'float32', dims, raw: Buffer.alloc(16) });
    const { code, path } = await refused(onnxModel({ ...plain, initializers: [hostile] }));
    expect(code).toMatch(/^MODEL_(SHAPE|MALFORMED|RESOURCE|TOO_COMPLEX)$/);
    expect(path).toBe('graph.initializer[0]');
  });

  test('M9 depth 32 passes, 33 does not', async () => {
    await expect(inspectFile(nested(31))).resolves.toBeDefined();
    expect(await refused(nested(32))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M9 2 million nodes', async () => {
    const many = Buffer.alloc(2_000_000 * 2);
    for (let at = 0; at < many.length; at += 2) many[at] = 0x0a;
    const bytes = onnxModel({ ...plain, tail: bytesField(7, many) });
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M9 functions that double at each level', async () => {
    await expect(inspectFile(withFunctions(doubling(10), 'f10'))).resolves.toBeDefined();
    expect(await refused(withFunctions(doubling(20), 'f20'))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M9 functions that call themselves or each other', async () => {
    expect(await refused(withFunctions([twice('f1', 'f1')], 'f1'))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
    expect(await refused(withFunctions([twice('f1', 'f2'), twice('f2', 'f1')], 'f1'))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
  });

  test('M9 a chain of 5,000 functions', async () => {
    const chain = Array.from({ length: 5_000 }, (_, level) =>
      functionProto({
        name: `f${level + 1}`,
        domain: 'own',
        inputs: ['a'],
        outputs: ['b'],
        nodes: [call(`f${level}`, 'a', 'b')],
      }),
    );
    expect(await refused(withFunctions([relu, ...chain], 'f5000'))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test.each<[string, Buffer]>([
    ['inputs', bytesField(7, Buffer.concat(Array(200_000).fill(bytesField(11, bytesField(1, 'a')))))],
    [
      'dimensions',
      bytesField(7, Buffer.concat(Array(1_000).fill(bytesField(11, value('a', 'float32', Array(900).fill(null)))))),
    ],
    ['functions', Buffer.concat(Array.from({ length: 70_000 }, (_, at) => bytesField(25, bytesField(1, `f${at}`))))],
  ])('M9 more %s than memory should hold', async (_name, tail) => {
    expect(await refused(onnxModel({ ...plain, tail }))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M9 more fields or names than the limits allow', async () => {
    const model = onnxModel(plain);
    expect(await refusalOf(inspectFile(model, 'onnx', { maxFields: 10 }))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
    expect(await refusalOf(inspectFile(model, 'onnx', { maxKeptBytes: 3 }))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
  });
});
