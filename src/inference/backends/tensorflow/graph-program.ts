import type { GraphModel } from '@tensorflow/tfjs-converter';
import type { NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { ModelPackage } from '../../backend.ts';
import { keepingListItems } from './list-items.ts';
import { type ModelJson, packageHandler, type SignatureEntry } from './package-files.ts';
import { dtypeOf, type Program, shapeOf } from './program.ts';

const needsAsync = /executeAsync/;

/** `x` of `x:0`; a further output keeps its number. */
const nodeName = (tensor: string): string => tensor.replace(/:0$/, '');

/** A converted SavedModel or frozen graph. Names are the signature's, or else those of nodes. */
export async function loadGraphProgram(json: ModelJson, files: ModelPackage): Promise<Program> {
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const model = await loadGraphModel(packageHandler(json, files));
  const outputNames = namesOf(json, 'outputs') ?? model.outputNodes.map(nodeName);
  const runAsync = async (inputs: NamedTensorMap) => listOf(await model.executeAsync(inputs, outputNames));
  const hasLoops = (json.modelTopology.library?.function?.length ?? 0) > 0;
  const tf = await import('@tensorflow/tfjs-core');
  const runLoops: Program['run'] = (inputs) => keepingListItems(tf, () => runAsync(inputs));
  const run = runnerOf(model, outputNames, hasLoops ? runLoops : runAsync);
  return {
    inputs: inputsOf(json, model),
    outputs: outputsOf(json, model, outputNames),
    run,
    dispose: () => model.dispose(),
  };
}

function runnerOf(model: GraphModel, outputNames: string[], runAsync: Program['run']): Program['run'] {
  let isAsync = false;
  return async (inputs: NamedTensorMap): Promise<readonly TfTensor[]> => {
    if (!isAsync) {
      try {
        return listOf(model.execute(inputs, outputNames));
      } catch (error) {
        // Said before anything runs, when the graph has control flow or shapes that depend on values.
        if (!(error instanceof Error) || !needsAsync.test(error.message)) throw error;
        isAsync = true;
      }
    }
    return runAsync(inputs);
  };
}

const listOf = (result: TfTensor | TfTensor[]): TfTensor[] => (Array.isArray(result) ? result : [result]);

/** Of the signature that the loader follows: older converters put it beside other metadata. */
const entriesOf = (json: ModelJson, side: 'inputs' | 'outputs'): [string, SignatureEntry][] =>
  Object.entries((json.userDefinedMetadata?.signature ?? json.signature)?.[side] ?? {}).filter(
    ([, { resourceId }]) => resourceId === undefined,
  );

function namesOf(json: ModelJson, side: 'inputs' | 'outputs'): string[] | undefined {
  const names = entriesOf(json, side).map(([name]) => name);
  return names.length > 0 ? names : undefined;
}

function inputsOf(json: ModelJson, model: GraphModel): Program['inputs'] {
  const nodes = new Map(model.inputs.map((info) => [nodeName(info.name), info]));
  const operators = new Map(json.modelTopology.node?.map(({ name, op }) => [name, op]));
  const named = namesOf(json, 'inputs')
    ? entriesOf(json, 'inputs')
    : model.inputNodes.map((name) => [name, { name }] as const);
  return named.map(([name, entry]) => {
    const node = nodeName(entry.name);
    const info = nodes.get(node);
    const shape = info?.shape ?? signatureShape(entry) ?? [-1];
    const optional = operators.get(node) === 'PlaceholderWithDefault' ? { optional: true } : {};
    return { name: nodeName(name), dtype: dtypeOf(info?.dtype), shape: shapeOf(shape), ...optional };
  });
}

function outputsOf(json: ModelJson, model: GraphModel, names: readonly string[]): Program['outputs'] {
  const signature = new Map(entriesOf(json, 'outputs'));
  const nodes = new Map(model.outputs.map((info) => [nodeName(info.name), info]));
  return names.map((name) => {
    const entry = signature.get(name);
    const info = nodes.get(nodeName(entry?.name ?? name));
    const shape = info?.shape ?? (entry && signatureShape(entry));
    return { name, dtype: dtypeOf(info?.dtype), shape: shape && shapeOf(shape) };
  });
}

function signatureShape({ tensorShape }: SignatureEntry): number[] | undefined {
  return tensorShape && !tensorShape.unknownRank ? (tensorShape.dim ?? []).map(({ size }) => Number(size)) : undefined;
}
