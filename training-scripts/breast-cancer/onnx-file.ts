import * as ort from 'onnxruntime-node';
import { batchOf, floatTensor, onnxFile, operator } from '../support/onnx-graph.ts';
import { type Case, classNames, measurementsPerCase } from './dataset.ts';
import type { LogisticRegression } from './logistic-regression.ts';

/**
 * Writes the model as an ONNX graph: `measurements` float32 `[batch, 30]` as measured, to `probabilities` float32
 * `[batch, 2]`. Operator by operator: Sub (means), Div (deviations), Gemm, Softmax.
 */
export function toOnnxFile({ means, deviations, weights, bias }: LogisticRegression): Uint8Array {
  const width = measurementsPerCase;
  // The chance 1 / (1 + e^-z) is the softmax of 0 and z.
  const kernel = Float32Array.from({ length: width * 2 }, (_, at) => (at % 2 === 0 ? 0 : (weights[at >> 1] as number)));
  return onnxFile('train-breast-cancer', {
    name: 'breast_cancer',
    node: [
      operator('Sub', ['measurements', 'means'], 'centred'),
      operator('Div', ['centred', 'deviations'], 'scaled'),
      operator('Gemm', ['scaled', 'weights', 'bias'], 'scores'),
      operator('Softmax', ['scores'], 'probabilities'),
    ],
    initializer: [
      floatTensor('means', [width], Float32Array.from(means)),
      floatTensor('deviations', [width], Float32Array.from(deviations)),
      floatTensor('weights', [width, 2], kernel),
      floatTensor('bias', [2], Float32Array.of(0, bias)),
    ],
    input: [batchOf('measurements', width)],
    output: [batchOf('probabilities', classNames.length)],
  });
}

/** Probabilities `[cases, 2]` from the written file, run by ONNX Runtime. */
export async function runOnnxFile(file: Uint8Array, cases: readonly Case[]): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1 });
  try {
    const values = Float32Array.from(cases.flatMap(({ measurements }) => measurements));
    const { probabilities } = await session.run({
      measurements: new ort.Tensor('float32', values, [cases.length, measurementsPerCase]),
    });
    return (probabilities as ort.Tensor).data as Float32Array;
  } finally {
    await session.release();
  }
}
