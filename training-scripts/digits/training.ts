import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import * as layers from '@tensorflow/tfjs-layers';
import { drawn, seededRandom, shuffled } from '../support/random.ts';
import { classes, type Digit, maxPixel, pixelsPerImage, shifted, side } from './dataset.ts';

export interface TrainingOptions {
  readonly epochs: number;
  readonly seed: number;
  /** Called after each epoch with its mean loss. */
  readonly onEpoch?: (epoch: number, loss: number) => void;
}

const batchSize = 32;
/** Pixels to the right and down; half of the pictures stay where they are. */
const moves: readonly (readonly [right: number, down: number])[] = [
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
];
const learningRate = { first: 2e-3, last: 1e-4 } as const;

/** The plain CPU backend: WASM has no kernels for the gradients of a convolution. */
export async function useTrainingBackend(): Promise<void> {
  await tf.setBackend('cpu');
}

/** Two convolutions and a dense layer over `[batch, 64]` raw pixels; 13,706 weights. */
export function convolutionalModel(seed: number): layers.Sequential {
  const { conv2d, dense, dropout, flatten, inputLayer, rescaling, reshape } = layers.layers;
  const initializer = (offset: number) => layers.initializers.heNormal({ seed: seed + offset });
  return layers.sequential({
    name: 'digits',
    layers: [
      inputLayer({ name: 'pixels', inputShape: [pixelsPerImage] }),
      rescaling({ name: 'scale', scale: 1 / maxPixel }),
      reshape({ name: 'picture', targetShape: [side, side, 1] }),
      conv2d({
        name: 'strokes',
        filters: 16,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'relu',
        kernelInitializer: initializer(1),
      }),
      conv2d({
        name: 'shapes',
        filters: 32,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'relu',
        kernelInitializer: initializer(2),
      }),
      flatten({ name: 'flat' }),
      dropout({ name: 'dropout', rate: 0.2, seed }),
      dense({ name: 'hidden', units: 64, activation: 'relu', kernelInitializer: initializer(3) }),
      dense({ name: 'probabilities', units: classes, activation: 'softmax', kernelInitializer: initializer(4) }),
    ],
  });
}

/** Two hidden dense layers over `[batch, 64]` raw pixels; 17,226 weights. */
export function denseModel(seed: number): layers.Sequential {
  const { dense, inputLayer, rescaling } = layers.layers;
  const initializer = (offset: number) => layers.initializers.heNormal({ seed: seed + offset });
  return layers.sequential({
    name: 'digits_dense',
    layers: [
      inputLayer({ name: 'pixels', inputShape: [pixelsPerImage] }),
      rescaling({ name: 'scale', scale: 1 / maxPixel }),
      dense({ name: 'hidden_1', units: 128, activation: 'relu', kernelInitializer: initializer(1) }),
      dense({ name: 'hidden_2', units: 64, activation: 'relu', kernelInitializer: initializer(2) }),
      dense({ name: 'probabilities', units: classes, activation: 'softmax', kernelInitializer: initializer(3) }),
    ],
  });
}

/**
 * Trains in place with Adam and a falling learning rate. Each epoch moves half of the pictures by a
 * pixel, since 1,438 are few. Batches are drawn here, because `fit` shuffles with an unseeded generator.
 */
export async function train(
  model: layers.LayersModel,
  digits: readonly Digit[],
  options: TrainingOptions,
): Promise<void> {
  const random = seededRandom(options.seed);
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    if (epoch === 0) model.compile({ optimizer: tf.train.adam(learningRate.first), loss: 'categoricalCrossentropy' });
    setLearningRate(model, epoch / Math.max(1, options.epochs - 1));
    const order = shuffled(digits, random);
    let total = 0;
    for (let start = 0; start < order.length; start += batchSize) {
      const batch = order.slice(start, start + batchSize);
      const pictures = tf.tensor2d(batch.map(({ pixels }) => shifted(pixels, ...drawn(moves, random))));
      const labels = tf.oneHot(
        batch.map(({ label }) => label),
        classes,
        1,
        0,
        'float32',
      );
      total += (await model.trainOnBatch(pictures, labels)) as number;
      tf.dispose([pictures, labels]);
    }
    options.onEpoch?.(epoch + 1, total / Math.ceil(order.length / batchSize));
  }
}

/** From the first rate to the last along half a cosine. @param progress 0..1 */
function setLearningRate(model: layers.LayersModel, progress: number): void {
  const { first, last } = learningRate;
  // tfjs has no public setter for Adam's rate; the field is the one its own documentation of schedules names.
  (model.optimizer as unknown as { learningRate: number }).learningRate =
    last + ((first - last) * (1 + Math.cos(Math.PI * progress))) / 2;
}
