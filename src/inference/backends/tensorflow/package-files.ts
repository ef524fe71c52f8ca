import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { AppError } from '../../../errors.ts';
import type { ModelPackage } from '../../backend.ts';

/** `model.json` as the converter or Keras' exporter writes it; only what loading reads. */
export interface ModelJson {
  readonly modelTopology: {
    readonly node?: readonly GraphNode[];
    /** Bodies and conditions of loops and branches. */
    readonly library?: { readonly function?: readonly object[] };
  } & object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: io.WeightsManifestEntry[];
  }[];
  readonly format?: string;
  readonly signature?: Signature;
  readonly userDefinedMetadata?: { readonly signature?: Signature };
  readonly modelInitializer?: object;
  readonly initializerSignature?: object;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly attr?: Readonly<Record<string, { readonly type?: string | number } | undefined>>;
}

export type Signature = Partial<Record<'inputs' | 'outputs', Readonly<Record<string, SignatureEntry>>>>;

export interface SignatureEntry {
  readonly name: string;
  /** Set for a captured resource, such as a lookup table, which the loader feeds. */
  readonly resourceId?: number | string;
  readonly tensorShape?: {
    readonly dim?: readonly { readonly size: number | string }[];
    readonly unknownRank?: boolean;
  };
}

const refused = (message: string, cause?: unknown): AppError =>
  new AppError('MODEL_LOAD_FAILED', message, cause === undefined ? {} : { cause });

/** @throws AppError MODEL_LOAD_FAILED */
export async function readModelJson({ directory, entry }: ModelPackage): Promise<ModelJson> {
  const text = await readPackageFile(directory, entry);
  let json: Partial<ModelJson> | null;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw refused(`Expected JSON in ${entry}, came something else; upload the converter's model.json`, cause);
  }
  if (typeof json?.modelTopology !== 'object' || json.modelTopology === null) {
    throw refused(`Expected "modelTopology" in ${entry}, came none; upload the converter's model.json`);
  }
  return { ...json, modelTopology: json.modelTopology, weightsManifest: json.weightsManifest ?? [] };
}

/** TensorFlow's name of the type, and its number. */
const stringTypes: ReadonlySet<unknown> = new Set(['DT_STRING', 7]);

/** Whether a model reads, writes or holds texts. */
export const holdsTexts = ({ modelTopology, weightsManifest }: ModelJson): boolean =>
  weightsManifest.some(({ weights }) => weights.some(({ dtype }) => dtype === 'string')) ||
  (modelTopology.node ?? []).some(({ attr }) => stringTypes.has(attr?.dtype?.type));

/** Gives TensorFlow.js a model from its package; reads no other folder and no network. */
export const packageHandler = (json: ModelJson, { directory }: ModelPackage): io.IOHandler => ({
  load: async () => {
    const weightData: ArrayBuffer[] = [];
    for (const shard of json.weightsManifest.flatMap(({ paths }) => paths)) {
      const bytes = await readPackageFile(directory, shard);
      weightData.push(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
    }
    return {
      ...(json as io.ModelArtifacts),
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
      weightData,
    };
  },
});

async function readPackageFile(directory: string, name: string): Promise<Buffer> {
  const file = path.resolve(directory, name);
  if (!file.startsWith(path.resolve(directory) + path.sep)) {
    throw refused(`Expected files inside the package, but the model names ${JSON.stringify(name)}; convert it again`);
  }
  try {
    return await readFile(file);
  } catch (cause) {
    throw refused(
      `Expected the file ${name} in the model's package, came none; upload model.json with all its shards`,
      cause,
    );
  }
}
