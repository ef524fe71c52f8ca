import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableModel } from '../../../scripts/durability/model-bytes.ts';
import { zip } from '../../registry/package/zip.ts';
import { adminPassword, bootServer, client, type TestServer, uploadForm } from '../../support/boot-server.ts';
import { leavesTheNodeAsItWas } from '../../support/node-state.ts';
import { functionProto, graph, node, onnxModel, tensor, tensorParts, value } from '../../support/onnx-writer.ts';
import { bytesField } from '../../support/protobuf-writer.ts';
import { denseLayers } from '../../support/tiny-tensorflow.ts';
import { modelFiles, outcome, raw, serverMemory } from './abuse-client.ts';

// The gate's own tests (tests/registry/gate, tests/registry/package) try every variant; here each row of the list of
// abuse cases is sent to a real server, which must answer with the right code and keep nothing.

const limit = 20 * 2 ** 20;
let server: TestServer;
beforeAll(async () => {
  server = await bootServer({ environment: { MAX_MODEL_BYTES: String(limit) } });
});
afterAll(() => server?.stop());
leavesTheNodeAsItWas(
  () => server,
  (name) => ({ models: name.startsWith('M17') }),
);

const x = value('x', 'float32', ['batch', 4]);
const y = value('y', 'float32', ['batch', 4]);
const k = tensor('k', 'float32', [4], [1, 2, 3, 4]);
const add = node('Add', ['x', 'k'], ['y']);
const plain = { inputs: [x], outputs: [y], nodes: [add], initializers: [k] };
const good = onnxModel(plain);
const external = (location: string) =>
  tensorParts({ name: 'k', type: 'float32', dims: [4], external: { location }, location: 1 });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Uploads bytes that must be refused, and checks that nothing of them stays. */
async function refused(bytes: Uint8Array, fields: Record<string, string> = {}): Promise<[number, string | undefined]> {
  const before = await modelFiles(server);
  const form = uploadForm({ modelName: 'abuse', modelVersion: 'v1', framework: 'onnx', ...fields }, bytes);
  const answered = outcome(await server.as('trainer').post('/model/upload', form));
  expect((await server.as('trainer').get('/model/abuse/versions')).status).toBe(404);
  expect(await modelFiles(server)).toEqual(before);
  return answered;
}
const layersZip = (change: (files: Record<string, string | Uint8Array>) => void = () => {}) => {
  const files = { ...denseLayers() };
  change(files);
  return zip(Object.entries(files).map(([name, data]) => ({ name, data: Buffer.from(data as Uint8Array) })));
};
const changedJson = (text: unknown, change: (model: { weightsManifest: { paths: string[] }[] }) => void): string => {
  const model = JSON.parse(String(text));
  change(model);
  return JSON.stringify(model);
};
const tensorflow = { framework: 'tensorflow' };
const put = (path: string, bytes: Uint8Array | undefined, headers: Record<string, string> = {}) =>
  server.as('trainer').request('PUT', path, bytes, headers);

describe('a model file', () => {
  it('M1 that reads a file of the machine', async () => {
    expect(await refused(onnxModel({ ...plain, initializers: [external('/etc/passwd')] }))).toEqual([
      422,
      'MODEL_EXTERNAL_DATA',
    ]);
  });

  it('M2 that reads a file by a relative name, also in a package beside it', async () => {
    for (const location of ['../../x', 'etc/passwd', '/proc/self/environ', 'weights.bin']) {
      const bytes = onnxModel({ ...plain, initializers: [external(location)] });
      expect(await refused(bytes)).toEqual([422, 'MODEL_EXTERNAL_DATA']);
      const packed = zip([
        { name: 'model.onnx', data: bytes },
        { name: 'weights.bin', data: Buffer.alloc(16) },
      ]);
      expect(await refused(packed)).toEqual([422, 'MODEL_EXTERNAL_DATA']);
    }
  });

  it('M3 that reads memory', async () => {
    const bytes = onnxModel({ ...plain, initializers: [external('*/_ORT_MEM_ADDR_/*')] });
    expect(await refused(bytes)).toEqual([422, 'MODEL_EXTERNAL_DATA']);
  });

  it('M4 that hides such a tensor in an attribute, a subgraph or a function', async () => {
    const bad = external('/etc/passwd');
    const hidden = { value: { t: bad } };
    for (const bytes of [
      onnxModel({ ...plain, nodes: [add, node('Thing', ['x'], ['z'], hidden)] }),
      onnxModel({
        ...plain,
        nodes: [add, node('If', ['c'], [], { then_branch: { g: graph({ initializers: [bad] }) } })],
      }),
      onnxModel({
        ...plain,
        functions: [
          functionProto({
            name: 'f',
            domain: 'own',
            inputs: [],
            outputs: ['b'],
            nodes: [node('Constant', [], ['b'], hidden)],
          }),
        ],
      }),
    ])
      expect(await refused(bytes)).toEqual([422, 'MODEL_EXTERNAL_DATA']);
  });

  it('M5 that is cut off, empty, zeros, noise or a web page', async () => {
    for (const bytes of [
      good.subarray(0, 60),
      '',
      Buffer.alloc(5_000),
      Buffer.alloc(500, '\xf3\x17'),
      '<!doctype html><p>404',
    ])
      expect(await refused(Buffer.from(bytes))).toEqual([422, 'MODEL_MALFORMED']);
  });

  it('M6 whose sizes are negative or beyond all memory', async () => {
    for (const dims of [[-1], [2 ** 40, 2 ** 40], [2 ** 40]])
      expect(
        await refused(onnxModel({ ...plain, initializers: [tensorParts({ name: 'k', type: 'float32', dims })] })),
      ).toEqual([422, 'MODEL_SHAPE']);
  });

  it('M7 with an operator of its own, or of a version that does not exist', async () => {
    expect(
      await refused(onnxModel({ ...plain, domains: { evil: 1 }, nodes: [node('Run', ['x'], ['y'], {}, 'evil')] })),
    ).toEqual([422, 'MODEL_OP_UNSUPPORTED']);
    expect(await refused(onnxModel({ ...plain, opset: 99 }))).toEqual([422, 'MODEL_OP_UNSUPPORTED']);
  });

  it('M8 whose output JavaScript cannot hold', async () => {
    for (const type of ['int4', 'bfloat16', 'complex64'] as const)
      expect(await refused(onnxModel({ ...plain, outputs: [value('y', type, [4])] }))).toEqual([422, 'MODEL_DTYPE']);
  });

  it('M9 that is 3,000 levels deep or has 2 million nodes', async () => {
    let inner = graph({});
    for (let level = 0; level < 3_000; level++)
      inner = graph({ nodes: [node('If', ['c'], [], { then_branch: { g: inner } })] });
    expect(
      await refused(onnxModel({ ...plain, nodes: [add, node('If', ['c'], [], { then_branch: { g: inner } })] })),
    ).toEqual([422, 'MODEL_TOO_COMPLEX']);
    const many = Buffer.alloc(2_000_000 * 2);
    for (let at = 0; at < many.length; at += 2) many[at] = 0x0a;
    expect(await refused(onnxModel({ ...plain, tail: bytesField(7, many) }))).toEqual([422, 'MODEL_TOO_COMPLEX']);
  });

  it('M10 that is something else than it is called', async () => {
    expect(await refused(Buffer.from(String(denseLayers()['model.json'])))).toEqual([422, 'MODEL_FORMAT']);
    expect(await refused(good, tensorflow)).toEqual([422, 'MODEL_FORMAT']);
    for (const bytes of [
      Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(60)]),
      gzipSync(good),
      Buffer.concat([zip([]), good]),
    ])
      expect((await refused(bytes))[0]).toBe(422);
  });

  it('M11 that runs code when it is opened', async () => {
    const pickle = Buffer.from('cposix\nsystem\n(S"id"\ntR.');
    const keras = Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.alloc(100)]);
    for (const bytes of [pickle, Buffer.from('80049505000000000000008c016194', 'hex'), keras])
      expect(await refused(bytes)).toEqual([415, 'FORMAT_NOT_LOADABLE']);
  });
});

describe('an upload', () => {
  it('M12 of 2 GB that says so is refused before it is read', async () => {
    const head = (path: string, type: string) =>
      `PUT ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${server.as('trainer').authorization}\r\ncontent-type: ${type}\r\ncontent-length: ${2 ** 31}\r\n\r\n`;
    const begin = performance.now();
    const put = await raw(server.url, [head('/model/abuse/v1/blob?framework=onnx', 'application/octet-stream')]);
    const form = await raw(server.url, [
      head('/model/upload', 'multipart/form-data; boundary=b').replace('PUT', 'POST'),
    ]);
    for (const { statuses, text } of [put, form]) {
      expect(statuses).toEqual([413]);
      expect(text).toContain('"MODEL_TOO_LARGE"');
    }
    expect(performance.now() - begin).toBeLessThan(3_000);
    const json = await raw(server.url, [head('/predict', 'application/json').replace('PUT', 'POST')]);
    expect([json.statuses, json.text.includes('"BODY_TOO_LARGE"')]).toEqual([[413], true]);
  });

  it('M13 without a length is cut at the limit, at no cost of memory, and leaves no file', async () => {
    const before = await modelFiles(server);
    await put('/model/abuse/v1/blob?framework=onnx', Buffer.alloc(1_000));
    const memory = await serverMemory(server);
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
        sent += 65_536;
      },
    });
    const reply = await fetch(`${server.url}/model/abuse/v1/blob?framework=onnx`, {
      method: 'PUT',
      headers: { authorization: server.as('trainer').authorization ?? '' },
      body: endless,
      duplex: 'half',
    } as RequestInit);
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([413, 'MODEL_TOO_LARGE']);
    expect(sent).toBeGreaterThan(limit);
    expect(sent).toBeLessThan(limit * 3);
    expect((await serverMemory(server)) - memory).toBeLessThan(32 * 2 ** 20);
    expect(await modelFiles(server)).toEqual(before);
  });

  it('M14 that breaks off at 60 % leaves no record and no file', async () => {
    const before = await modelFiles(server);
    const bytes = tableModel(20_000, 1).bytes;
    const form = Buffer.from(
      await new Response(uploadForm({ modelName: 'gone', modelVersion: 'v1', framework: 'onnx' }, bytes)).arrayBuffer(),
    );
    const boundary = /^--(\S+)/.exec(form.toString('latin1'))?.[1] ?? '';
    for (const [method, path, type, body] of [
      ['PUT', '/model/gone/v1/blob?framework=onnx', 'application/octet-stream', bytes],
      ['POST', '/model/upload', `multipart/form-data; boundary=${boundary}`, form],
      [
        'POST',
        '/model',
        'application/json',
        Buffer.from(JSON.stringify({ modelName: 'gone', modelBlob: bytes.toString('base64') })),
      ],
    ] as const) {
      const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${server.as('trainer').authorization}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
      await new Promise<void>((resolve) => {
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
          socket.write(head);
          socket.write(body.subarray(0, body.length * 0.6), () => setTimeout(() => socket.resetAndDestroy(), 100));
        });
        socket.on('error', () => {}).on('close', () => resolve());
      });
    }
    await expect.poll(() => modelFiles(server), { timeout: 5_000 }).toEqual(before);
    expect((await server.as('trainer').get('/model/gone/versions')).status).toBe(404);
  });

  it('M15 is there whole after kill -9 once it was acknowledged, and not at all before', async () => {
    const bytes = tableModel(10_000, 2).bytes;
    const first = await bootServer();
    const admin = first.as('admin');
    const path = '/model/kept/v1/blob';
    expect((await admin.request('PUT', `${path}?framework=onnx`, bytes)).status).toBe(201);
    const half = connect(Number(new URL(first.url).port), '127.0.0.1');
    half.on('error', () => {});
    half.write(
      `PUT /model/half/v1/blob?framework=onnx HTTP/1.1\r\nhost: x\r\nauthorization: ${admin.authorization}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
    );
    await new Promise<void>((resolve) => half.write(bytes.subarray(0, bytes.length / 2), () => resolve()));
    await first.kill();
    const second = await bootServer({ root: first.root });
    try {
      const again = client(second.url, 'admin', adminPassword);
      const { status, body } = await again.get(path);
      expect([status, sha256(body)]).toEqual([200, sha256(bytes)]);
      expect((await again.get('/model/half/v1')).status).toBe(404);
      await expect.poll(async () => (await modelFiles(second)).incoming).toEqual([]);
    } finally {
      await second.stop();
      await rm(first.root, { recursive: true, force: true });
    }
  });

  it('M16 whose bytes are not those of its digest', async () => {
    const answered = await put('/model/abuse/v1/blob?framework=onnx', good, {
      'x-content-sha256': sha256(Buffer.from('else')),
    });
    expect(outcome(answered)).toEqual([422, 'DIGEST_MISMATCH']);
    expect((await server.as('trainer').get('/model/abuse/v1')).status).toBe(404);
  });

  it('M17 of other bytes under a name that is taken, by any way in', async () => {
    expect((await put('/model/taken/v1/blob?framework=onnx', good)).status).toBe(201);
    expect((await put('/model/taken/v1/blob?framework=onnx', good)).status).toBe(200);
    const other = onnxModel({ ...plain, initializers: [tensor('k', 'float32', [4], [0, 0, 0, 0])] });
    const fields = { modelName: 'taken', modelVersion: 'v1', framework: 'onnx' };
    const answers = [
      await put('/model/taken/v1/blob?framework=onnx', other),
      await server.as('trainer').post('/model/upload', uploadForm(fields, other)),
      await server.as('trainer').post('/Model', { ...fields, modelBlob: other.toString('base64') }),
    ];
    for (const answer of answers) expect(outcome(answer)).toEqual([409, 'VERSION_IMMUTABLE']);
    expect((await server.as('trainer').get('/model/taken/v1')).body.digest).toBe(sha256(good));
  });
});

describe('a package', () => {
  it('M18 with a name that leads out of it', async () => {
    for (const entry of [
      { name: '../../etc/cron.d/x' },
      { name: '/etc/passwd' },
      { name: '..\\..\\x' },
      { name: 'a\0b' },
      { name: 'link', data: Buffer.from('/etc/passwd'), mode: 0o120777 },
      { name: 'model.onnx' },
    ])
      expect(await refused(zip([{ name: 'model.onnx', data: good }, entry]))).toEqual([422, 'ARCHIVE_PATH']);
  });

  it('M19 that grows without end', async () => {
    const bomb = { name: 'b.bin', data: Buffer.alloc(16 * 2 ** 20), compress: true };
    const model = { name: 'model.onnx', data: good };
    const many = Array.from({ length: 1_001 }, (_, index) => ({ name: `f${index}` }));
    for (const entries of [
      [model, bomb],
      [model, ...many],
      [model, { name: 'i.zip', data: zip([model]) }],
    ])
      expect(await refused(zip(entries))).toEqual([422, 'ARCHIVE_LIMIT']);
  });

  it('M20 whose manifest names files elsewhere', async () => {
    for (const path of ['../../secret', 'http://169.254.169.254/', '/etc/passwd', 'weights.bin?x']) {
      const bytes = layersZip((files) => {
        files['model.json'] = changedJson(files['model.json'], ({ weightsManifest: [first] }) => {
          if (first) first.paths = [path];
        });
      });
      expect(await refused(bytes, tensorflow)).toEqual([422, 'MODEL_MANIFEST']);
    }
  });

  it('M21 whose weights are shorter or longer than its manifest says', async () => {
    for (const change of [(bytes: Buffer) => bytes.subarray(4), (bytes: Buffer) => Buffer.concat([bytes, bytes])]) {
      const bytes = layersZip((files) => {
        files['weights.bin'] = change(Buffer.from(files['weights.bin'] as Uint8Array));
      });
      expect(await refused(bytes, tensorflow)).toEqual([422, 'MODEL_MALFORMED']);
    }
  });
});

describe('a name', () => {
  const bad = [
    '../x',
    'a/b',
    'a:b',
    '..',
    'a'.repeat(4_096),
    'a\0b',
    '__proto__',
    'x.json',
    'v1.metadata',
    '\u202eabc',
    'mоdel',
    'x.',
    'a b',
    '%2e%2e',
    'é',
  ];

  it('M22 that is none, by any way in', async () => {
    const trainer = server.as('trainer');
    for (const name of [...bad, '']) {
      const fields = { modelVersion: 'v1', framework: 'onnx' };
      expect(await refused(good, { modelName: name })).toEqual([400, 'ID_INVALID']);
      expect(await refused(good, { modelVersion: name })).toEqual([400, 'ID_INVALID']);
      const json = await trainer.post('/Model', { ...fields, modelName: name, modelBlob: good.toString('base64') });
      expect(outcome(json)).toEqual([400, 'ID_INVALID']);
      const predicted = await trainer.post('/predict', { modelName: name, features: {} });
      expect(outcome(predicted)).toEqual([400, 'ID_INVALID']);
    }
    for (const name of bad) {
      const segment = encodeURIComponent(name);
      const [status, code] = outcome(await trainer.get(`/model/${segment}/v1`));
      // fetch itself resolves `..` before it sends.
      if (name === '..') expect(status).toBe(404);
      else expect([name, status, code]).toEqual([name, 400, 'ID_INVALID']);
    }
  });
});
