import { AppError, type ErrorKind, errorKinds } from '../errors.ts';
import type { Predictor } from '../inference/predictor.ts';
import { sampleFeatures } from '../inference/sample-features.ts';
import { parseMetadata } from '../registry/metadata.ts';
import { isTensorSpec, type Model } from '../registry/model.ts';
import type { PackageStore } from '../registry/package-store.ts';
import { repairPackage } from '../registry/repair-package.ts';
import type { Store } from '../store/store.ts';

export const checkLevels = ['basic', 'integrity', 'functional'] as const;
export type CheckLevel = (typeof checkLevels)[number];

export interface Problem {
  readonly path: string;
  readonly message: string;
}

export interface CheckPorts {
  readonly store: Store;
  readonly packages: PackageStore;
  readonly predictor: Predictor;
}

/**
 * Checks a registered version; each level includes the ones before it and ends where one finds problems.
 *
 * - `basic`: its row, schemas and metadata, and that its bytes are there;
 * - `integrity`: that bytes and package are what they were, and pass the gate again as the version is loaded anew;
 *   a damaged package of this node is made again from the stored bytes;
 * - `functional`: that it answers a small input with finite numbers.
 */
export async function checkModel(ports: CheckPorts, model: Model, level: CheckLevel) {
  const levels = checkLevels.slice(0, checkLevels.indexOf(level) + 1);
  const problems: Problem[] = [];
  for (const one of levels) {
    if (problems.length === 0) problems.push(...(await checks[one](ports, model)));
  }
  return { level, passed: problems.length === 0, problems };
}

const checks: Record<CheckLevel, (ports: CheckPorts, model: Model) => Promise<Problem[]>> = {
  basic: async ({ store }, model) => [
    ...schemaProblems('inputSchema.inputs', model.inputSchema.inputs),
    ...schemaProblems('outputSchema.outputs', model.outputSchema.outputs),
    ...labelProblems(model),
    ...(await problemsOf('metadata', async () => void parseMetadata(model.metadata))),
    ...(await bytesProblems(store, model)),
  ],
  integrity: async ({ store, packages, predictor }, model) => [
    ...(await problemsOf('bytes', async () => void (await repairPackage({ store, packages }, model)))),
    ...(await problemsOf('package', () => predictor.loadAnew(model))),
  ],
  functional: async ({ predictor }, model) => {
    const features = sampleFeatures(model);
    if (features === undefined) {
      return [{ path: 'metadata.example', message: 'no test input can be made from the schema; set one, as features' }];
    }
    const generation = model.framework === 'ollama' ? { generation: { num_predict: 8 } } : {};
    return problemsOf('prediction', async () => {
      const { prediction, outputs, vectors } = await predictor.predict(model, features, { raw: true, ...generation });
      const numbers = vectors ? vectors.data : [prediction, outputs];
      if (!allFinite(numbers)) throw new AppError('BACKEND_FAILED', 'expected finite numbers, got NaN or infinity');
    });
  },
};

function schemaProblems(path: string, specs: Model['inputSchema']['inputs']): Problem[] {
  const names = new Set(specs.map(({ name }) => name));
  if (names.size < specs.length) return [{ path, message: 'expected each name once, got one twice' }];
  return specs.flatMap((spec, index) => {
    const fits = isTensorSpec(spec)
      ? spec.shape.every((size) => Number.isSafeInteger(size) && size >= -1)
      : typeof spec.type === 'string';
    return fits ? [] : [{ path: `${path}[${index}]`, message: 'expected sizes from -1, or a type' }];
  });
}

/** Labels beyond the classes of the output, or too few, name classes wrongly. */
function labelProblems({ metadata, outputSchema }: Model): Problem[] {
  const { labels, outputName, taskType } = metadata;
  if (taskType !== 'classification' || !labels) return [];
  const tensors = outputSchema.outputs.filter(isTensorSpec);
  const scores =
    outputName === undefined
      ? tensors.find(({ dtype }) => dtype === 'float32' || dtype === 'float64')
      : tensors.find(({ name }) => name === outputName);
  if (outputName !== undefined && tensors.length > 0 && !scores) {
    const known = tensors.map(({ name }) => name).join(', ');
    return [{ path: 'metadata.outputName', message: `expected one of ${known}, got ${outputName}` }];
  }
  const classes = scores?.shape.at(-1) ?? -1;
  if (classes === -1 || classes === labels.length || (classes === 1 && labels.length === 2)) return [];
  return [{ path: 'metadata.labels', message: `expected ${classes} labels, got ${labels.length}` }];
}

async function bytesProblems(store: Store, { id, blobSize }: Model): Promise<Problem[]> {
  const bytes = await store.models.bytes(id);
  if (!bytes) return [{ path: 'bytes', message: 'expected the stored bytes, found none; register a new version' }];
  return bytes.size === blobSize
    ? []
    : [{ path: 'bytes', message: `expected ${blobSize} stored bytes, found ${bytes.size}; register a new version` }];
}

/** Errors that say nothing of the model. */
const ofTheServer: ReadonlySet<ErrorKind> = new Set(['busy', 'storage-full']);

/** What an inner part throws on purpose is a problem of the model; all else is ours. */
async function problemsOf(path: string, work: () => Promise<unknown>): Promise<Problem[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof AppError) || ofTheServer.has(errorKinds[error.code])) throw error;
    const message = `${error.code}: ${error.message}`;
    return error.violations.length > 0
      ? error.violations.map((violation) => ({ path: violation.path, message: `${error.code}: ${violation.message}` }))
      : [{ path, message }];
  }
}

const notFinite = new Set(['NaN', 'Infinity', '-Infinity']);

/** Whether every number of a prediction is finite, where tensors write those that are not as text. */
function allFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (ArrayBuffer.isView(value)) return (value as Float32Array).every(Number.isFinite);
  if (typeof value !== 'object' || value === null) return true;
  const { dtype, data } = value as { dtype?: unknown; data?: unknown };
  if (typeof dtype === 'string' && dtype.startsWith('float') && Array.isArray(data)) {
    return !data.some((element) => notFinite.has(String(element)));
  }
  return Object.values(value).every(allFinite);
}
