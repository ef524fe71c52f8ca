/**
 * A child process that runs cases through ONNX Runtime and answers each with its problem, or null when it passes.
 * It is a process of its own because some models abort the whole process inside native code.
 */
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { Dtype, Tensor } from '../../src/lib/tensor.ts';
import { type Case, readDataSets } from './cases.ts';
import { firstDifference } from './compare.ts';
import { type Values, valuesOf } from './values.ts';

export type CaseFiles = Pick<Case, 'folder' | 'inputs' | 'outputs'>;

process.on('message', async (files: CaseFiles) => {
  const problem = await run(files).catch((error: unknown) => String(error instanceof Error ? error.message : error));
  process.send?.({ problem: problem ?? null });
});
// The parent is gone: nothing is left to answer.
process.on('disconnect', () => process.exit(0));

async function run(files: CaseFiles): Promise<string | undefined> {
  const session = await ort.InferenceSession.create(join(files.folder, 'model.onnx'), {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    for (const { inputs, outputs } of readDataSets(files)) {
      const answered = await session.run(mapValues(inputs, toOrt));
      const problem = firstDifference(mapValues(answered, fromOrt), mapValues(outputs, valuesOf));
      if (problem !== undefined) return problem;
    }
    return undefined;
  } finally {
    await session.release();
  }
}

// The overloads of ort.Tensor tie each dtype to its array; here both are known only at run time.
const toOrt = ({ dtype, shape, data }: Tensor): ort.Tensor =>
  new ort.Tensor(dtype as 'float32', data as Float32Array, shape);

function fromOrt(tensor: ort.Tensor): Values {
  const dtype = tensor.type as Dtype;
  // Newer Node versions have a Float16Array, which ONNX Runtime then answers with; its bits are what we hold.
  const bits = dtype === 'float16' ? bitsOf(tensor.data as Uint16Array) : tensor.data;
  return valuesOf({ dtype, shape: tensor.dims, data: bits as Tensor['data'] });
}

const bitsOf = ({ buffer, byteOffset, length }: Uint16Array): Uint16Array =>
  new Uint16Array(buffer, byteOffset, length);

const mapValues = <From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
