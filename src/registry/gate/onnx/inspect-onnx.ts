import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AppError } from '../../../errors.ts';
import { quote, refusal } from '../refusal.ts';
import type { DeclaredTensor, GateLimits, PackageReport } from '../report.ts';
import { ByteWindow } from './byte-window.ts';
import { elementTypes } from './element-types.ts';
import { startWalk } from './walk.ts';
import { walkModel } from './walk-model.ts';
import type { ValueFacts } from './walk-value.ts';

/** From this version on an initializer may stand alone; before it every one is an input, and a constant. */
const firstIrVersionWithDefaults = 4;

/**
 * Walks an ONNX file without loading it. Reads synchronously, through a window of 128 KB.
 *
 * @throws AppError MODEL_MALFORMED, MODEL_EXTERNAL_DATA, MODEL_SHAPE, MODEL_DTYPE, MODEL_OP_UNSUPPORTED,
 *         MODEL_TOO_COMPLEX, MODEL_TOO_LARGE
 */
export function inspectOnnxFile(file: string, limits: GateLimits): PackageReport {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    return inspectOnnx(
      new ByteWindow(size, (target, position) => readSync(descriptor, target, 0, target.byteLength, position)),
      limits,
    );
  } finally {
    closeSync(descriptor);
  }
}

/** As `inspectOnnxFile`, over any bytes. */
export function inspectOnnx(bytes: ByteWindow, limits: GateLimits): PackageReport {
  if (bytes.size > limits.maxFileBytes) {
    throw new AppError(
      'MODEL_TOO_LARGE',
      `The ONNX file has ${bytes.size} bytes; expected at most ${limits.maxFileBytes}. Quantize or split the model.`,
    );
  }
  const walk = startWalk(bytes, limits);
  const { graph, irVersion, opsets } = walkModel(walk);
  const opset = opsets.get('');
  return {
    inputs: graph.inputs.flatMap((fact) => declaredInput(fact, graph.initializers.has(fact.name), irVersion)),
    outputs: graph.outputs.map(declared),
    nodeCount: walk.nodes,
    irVersion,
    ...(opset !== undefined && { opset }),
  };
}

/** An input with a default is optional; with one that no caller could replace it is none of our inputs. */
function declaredInput(fact: ValueFacts, hasDefault: boolean, irVersion: number): DeclaredTensor[] {
  if (!hasDefault) return [declared(fact)];
  const replaceable =
    irVersion >= firstIrVersionWithDefaults && fact.kind === 'a tensor' && elementTypes[fact.elementType]?.dtype;
  return replaceable ? [{ ...declared(fact), optional: true }] : [];
}

function declared(fact: ValueFacts): DeclaredTensor {
  const { path, name, dims } = fact;
  if (fact.kind === undefined || (fact.kind === 'a tensor' && fact.elementType === 0)) {
    // The runtime would infer a type, and aborts the process when it infers int4.
    throw refusal(
      'MODEL_DTYPE',
      path,
      `${quote(name)} declares no type; expected a tensor type. Export the model with the types of its inputs and outputs.`,
    );
  }
  if (fact.kind !== 'a tensor') {
    throw refusal(
      'MODEL_DTYPE',
      path,
      `${quote(name)} is ${fact.kind}; only tensors are served. Export the model with tensor inputs and outputs (for scikit-learn: zipmap off).`,
    );
  }
  const type = elementTypes[fact.elementType];
  if (!type?.dtype) {
    const label = type ? type.name : `of unknown element type ${fact.elementType}`;
    throw refusal(
      'MODEL_DTYPE',
      path,
      `${quote(name)} is ${label}, which JavaScript cannot hold. Cast it to float32 or an integer type inside the model.`,
    );
  }
  if (!dims) return { name, dtype: type.dtype, shape: [], anyShape: true };
  return {
    name,
    dtype: type.dtype,
    shape: dims.map((dim) => dim.size),
    ...(dims.some((dim) => dim.name !== null) && { dimNames: dims.map((dim) => dim.name) }),
  };
}
