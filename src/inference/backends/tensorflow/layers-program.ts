import type { NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ModelPackage } from '../../backend.ts';
import { type ModelJson, packageHandler } from './package-files.ts';
import { dtypeOf, type Program, shapeOf } from './program.ts';

/** A Keras model. Names are those of its input and output layers. */
export async function loadLayersProgram(json: ModelJson, files: ModelPackage): Promise<Program> {
  const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
  const model = await loadLayersModel(packageHandler(json, files));
  const inputNames = namesOf(model.inputNames, model.inputs);
  const specs = (names: readonly string[], symbols: readonly SymbolicTensor[]) =>
    names.map((name, index) => {
      const symbol = symbols[index];
      return { name, dtype: dtypeOf(symbol?.dtype), shape: shapeOf(symbol?.shape ?? [-1]) };
    });
  return {
    inputs: specs(inputNames, model.inputs),
    outputs: specs(namesOf(model.outputNames, model.outputs), model.outputs),
    run: async (inputs: NamedTensorMap): Promise<readonly TfTensor[]> => {
      const ordered = inputNames.flatMap((name) => inputs[name] ?? []);
      const result = model.predictOnBatch(ordered.length === 1 ? (ordered[0] as TfTensor) : ordered);
      return Array.isArray(result) ? result : [result];
    },
    dispose: () => void model.dispose(),
  };
}

/** A sequential model leaves its own names empty; its layers have them. */
const namesOf = (names: readonly string[], symbols: readonly SymbolicTensor[]): readonly string[] =>
  names.length > 0 ? names : symbols.map(({ sourceLayer }) => sourceLayer.name);
