import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { onnx as Onnx } from 'onnx-proto';
import onnxProto from 'onnx-proto';
import type { TensorMap } from '../../src/lib/tensor.ts';
import { dtypeOfElement, elementName, readTensorProto } from './tensor-proto.ts';

const { onnx } = onnxProto;

/** Where Debian's `libonnx-testdata` puts the node tests. */
export const defaultDataFolder = '/usr/lib/python3/dist-packages/onnx/backend/test/data/node';

/** One folder of the test set: a model and what it must answer. */
export interface Case {
  readonly name: string;
  readonly folder: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Why the case cannot be asked over JSON; undefined when every input and output is a tensor. */
  readonly skipReason: string | undefined;
}

/** Inputs by name and the outputs they must give. */
export interface DataSet {
  readonly inputs: TensorMap;
  readonly outputs: TensorMap;
}

// These draw numbers, so the test set's outputs are one draw of many; ONNX's own runner leaves them out too.
const randomOperators = /^(Bernoulli|Multinomial|Random(Normal|Uniform)(Like)?)$/;

/** Every case of a folder, by name. */
export function listCases(dataFolder: string): Case[] {
  return readdirSync(dataFolder)
    .filter((name) => existsSync(join(dataFolder, name, 'model.onnx')))
    .sort()
    .map((name) => describeCase(dataFolder, name));
}

function describeCase(dataFolder: string, name: string): Case {
  const folder = join(dataFolder, name);
  const graph = onnx.ModelProto.decode(readFileSync(join(folder, 'model.onnx'))).graph;
  const initialised = new Set(graph?.initializer?.map((tensor) => tensor.name));
  const inputs = (graph?.input ?? []).filter((input) => !initialised.has(input.name));
  const outputs = graph?.output ?? [];
  const random = graph?.node?.find((node) => randomOperators.test(node.opType ?? ''));
  return {
    name,
    folder,
    inputs: inputs.map((input) => input.name ?? ''),
    outputs: outputs.map((output) => output.name ?? ''),
    skipReason:
      reasonAgainst('input', inputs) ??
      reasonAgainst('output', outputs) ??
      (random && `${random.opType} draws random numbers, so there is no expected value`),
  };
}

function reasonAgainst(side: 'input' | 'output', infos: readonly Onnx.IValueInfoProto[]): string | undefined {
  for (const { name, type } of infos) {
    if (!name) return `an ${side} has no name (an absent optional ${side})`;
    const kind = type?.sequenceType ? 'sequence' : type?.optionalType ? 'optional' : type?.mapType ? 'map' : undefined;
    if (kind !== undefined) return `${side} ${name} is a value of type ${kind}, not a tensor`;
    const elementType = type?.tensorType?.elemType;
    if (elementType == null) return `${side} ${name} is not a dense tensor`;
    if (dtypeOfElement(elementType) === undefined) {
      return `${side} ${name} is ${elementName(elementType)}, which has no dtype on the wire`;
    }
  }
  return undefined;
}

/** The data sets of a case whose inputs and outputs are all tensors; file N belongs to input N of the graph. */
export function readDataSets({ folder, inputs, outputs }: Pick<Case, 'folder' | 'inputs' | 'outputs'>): DataSet[] {
  const names = readdirSync(folder).filter((name) => name.startsWith('test_data_set_'));
  if (names.length === 0) throw new Error('the case has no test_data_set_* folder');
  return names.sort().map((name) => ({
    inputs: readTensors(join(folder, name), 'input', inputs),
    outputs: readTensors(join(folder, name), 'output', outputs),
  }));
}

function readTensors(folder: string, side: 'input' | 'output', names: readonly string[]): TensorMap {
  return Object.fromEntries(
    names.map((name, index) => [name, readTensorProto(readFileSync(join(folder, `${side}_${index}.pb`)))]),
  );
}
