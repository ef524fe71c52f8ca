import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import type { Digit } from './dataset.ts';

/** The files of a TensorFlow.js layers model, by name. */
export interface LayersFiles {
  readonly 'model.json': Uint8Array;
  readonly 'weights.bin': Uint8Array;
}

/** Writes a model as `model.json` and one shard; the same weights always give the same bytes. */
export async function toLayersFiles(model: layers.LayersModel): Promise<LayersFiles> {
  let saved: tf.io.ModelArtifacts | undefined;
  const keep = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(keep);
  const { modelTopology, weightSpecs, weightData } = saved as tf.io.ModelArtifacts;
  const json = {
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${layers.version_layers}`,
    convertedBy: null,
    modelTopology,
    weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
  };
  return {
    'model.json': Buffer.from(`${JSON.stringify(json)}\n`),
    'weights.bin': new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
  };
}

/** Probabilities `[images, 10]` from the written files, read back as a server would read them. */
export async function runLayersFiles(files: LayersFiles, digits: readonly Digit[]): Promise<Float32Array> {
  const { modelTopology, weightsManifest } = JSON.parse(Buffer.from(files['model.json']).toString('utf8'));
  const weightData = Uint8Array.from(files['weights.bin']).buffer;
  const model = await layers.loadLayersModel(
    tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData }),
  );
  const input = tf.tensor2d(digits.map(({ pixels }) => [...pixels]));
  const output = model.predict(input) as tf.Tensor;
  const probabilities = (await output.data()) as Float32Array;
  tf.dispose([input, output]);
  model.dispose();
  return probabilities;
}
