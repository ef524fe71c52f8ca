import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tensorflow } from './runtime.ts';

/**
 * Runs a graph with loops. At the end of a loop's body the converter (4.3 to 4.22) disposes every tensor of the body,
 * also those that the body has put into a list for after the loop, although it marked them as kept; whoever reads
 * the list then finds nothing. So while the graph runs, what is kept is not disposed; it goes when the run is over.
 *
 * @param run  nothing else may use TensorFlow.js meanwhile.
 * @see        tensorflow/tfjs pull request 4894, the rule that was lost
 */
export async function keepingListItems<Result>(
  { Tensor: { prototype } }: Tensorflow,
  run: () => Promise<Result>,
): Promise<Result> {
  const late = new Set<Tensor>();
  const { dispose } = prototype;
  prototype.dispose = function (this: Tensor) {
    if (this.kept) late.add(this);
    else dispose.call(this);
  };
  try {
    return await run();
  } finally {
    prototype.dispose = dispose;
    for (const tensor of late) tensor.dispose();
  }
}
