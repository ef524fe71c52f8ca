import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { onnx as Onnx } from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { batchOf, floatTensor, onnxFile, operator } from '../support/onnx-graph.ts';
import { classes, type Digit, maxPixel, pixelsPerImage } from './dataset.ts';

interface Dense {
  readonly kernel: Float32Array;
  readonly kernelShape: readonly number[];
  readonly bias: Float32Array;
}

/**
 * Writes a stack of dense layers as an ONNX graph: `pixels` float32 `[batch, 64]`, raw 0..16, to `probabilities`
 * float32 `[batch, 10]`. Operator by operator: Mul (1/16), then Gemm and Relu for each layer, Softmax at the end.
 */
export async function toOnnxFile(model: LayersModel): Promise<Uint8Array> {
  const dense = await denseLayers(model);
  const initializer = [floatTensor('scale', [], Float32Array.of(1 / maxPixel))];
  const node: Onnx.INodeProto[] = [operator('Mul', ['pixels', 'scale'], 'scaled')];
  let current = 'scaled';
  dense.forEach(({ kernel, kernelShape, bias }, index) => {
    const [weights, biases, sum] = [`weights_${index}`, `bias_${index}`, `sum_${index}`];
    initializer.push(floatTensor(weights, kernelShape, kernel), floatTensor(biases, [bias.length], bias));
    node.push(operator('Gemm', [current, weights, biases], sum));
    current = index < dense.length - 1 ? `active_${index}` : 'probabilities';
    node.push(index < dense.length - 1 ? operator('Relu', [sum], current) : operator('Softmax', [sum], current));
  });
  // Softmax's default axis is the last one, Gemm's default factors are 1: no attribute is needed.
  return onnxFile('train-digits', {
    name: 'digits',
    node,
    initializer,
    input: [batchOf('pixels', pixelsPerImage)],
    output: [batchOf('probabilities', classes)],
  });
}

async function denseLayers(model: LayersModel): Promise<Dense[]> {
  const withWeights = model.layers.filter((layer) => layer.getWeights().length === 2);
  return Promise.all(
    withWeights.map(async (layer) => {
      const [kernel, bias] = layer.getWeights();
      if (kernel === undefined || bias === undefined) throw new Error(`layer ${layer.name}: expected kernel and bias`);
      return {
        kernel: Float32Array.from(await kernel.data()),
        kernelShape: kernel.shape,
        bias: Float32Array.from(await bias.data()),
      };
    }),
  );
}

/** Probabilities `[images, 10]` from the written file, run by ONNX Runtime. */
export async function runOnnxFile(file: Uint8Array, digits: readonly Digit[]): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1 });
  try {
    const pixels = Float32Array.from(digits.flatMap((digit) => digit.pixels));
    const { probabilities } = await session.run({
      pixels: new ort.Tensor('float32', pixels, [digits.length, pixelsPerImage]),
    });
    return (probabilities as ort.Tensor).data as Float32Array;
  } finally {
    await session.release();
  }
}
