import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../errors.ts';
import { chooseFiles, type HubFile, hubFile } from '../../../registry/package/hub-layout.ts';
import type { LoadOptions, ModelPackage } from '../../backend.ts';
import { type JsonObject, readPackageObject } from '../../text/package-json.ts';

/** Weights as read and as repacked for the kernels, as for other ONNX files. */
const memoryPerFileByte = 2;

/** A package in the layout of the hub: what it holds, and which of its ONNX files are meant. */
export interface HubPackage extends ModelPackage {
  readonly config: JsonObject;
  /** Folder of the ONNX files below `directory`, commonly `onnx`. */
  readonly subfolder: string;
  /** One file for each part of the model, all of the entry's precision where they can be. */
  readonly files: readonly HubFile[];
  /** Bytes that the model is thought to hold in memory. */
  readonly memoryBytes: number;
  has(file: string): boolean;
}

/** @throws AppError MODEL_LOAD_FAILED, MODEL_MANIFEST */
export async function openHubPackage(model: ModelPackage): Promise<HubPackage> {
  const { directory, entry } = model;
  const all = (await readdir(directory, { recursive: true })).map((name) => name.replaceAll(path.sep, '/'));
  const present = new Set(all);
  if (!present.has(entry)) {
    throw new AppError(
      'MODEL_LOAD_FAILED',
      `Expected the file ${entry} in the model's package, came none; upload the package again`,
    );
  }
  const config = await readPackageObject(model, 'config.json');
  if (Object.keys(config).length === 0) {
    throw new AppError(
      'MODEL_MANIFEST',
      "Expected config.json at the top of the model's package, as on the hub, came none or an empty one; add it",
    );
  }
  const subfolder = entry.slice(0, Math.max(entry.lastIndexOf('/'), 0));
  const main = hubFile(entry);
  const beside = all.filter((name) => name.endsWith('.onnx') && path.posix.dirname(name) === path.posix.dirname(entry));
  const files = chooseFiles(beside.map(hubFile), main.dtype).map((file) => (file.part === main.part ? main : file));
  const sizes = await Promise.all(files.map((file) => stat(path.join(directory, file.path))));
  const memoryBytes = sizes.reduce((sum, { size }) => sum + size * memoryPerFileByte, 0);
  return { ...model, config, subfolder, files, memoryBytes, has: (file) => present.has(file) };
}

/**
 * What `from_pretrained` and `pipeline` are told of a package. Everything that a config.json could choose for itself
 * (device, precision, files with external data) is chosen here.
 */
export function loadingOptions({ config, subfolder, files }: HubPackage, { device = 'cpu', threads = 1 }: LoadOptions) {
  const { kv_cache_dtype } = (config['transformers.js_config'] ?? {}) as JsonObject;
  const [only] = files;
  return {
    config: { ...config, 'transformers.js_config': { ...(kv_cache_dtype !== undefined && { kv_cache_dtype }) } },
    local_files_only: true,
    subfolder,
    device,
    dtype: Object.fromEntries(files.map(({ part, dtype }) => [part, dtype])),
    use_external_data_format: false,
    // A model of one file may call it what it likes.
    ...(only && files.length === 1 && { model_file_name: only.part }),
    session_options: {
      executionMode: 'sequential',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    },
    // The library's own types want a whole PretrainedConfig and name every precision.
  } as unknown as import('@huggingface/transformers').PretrainedModelOptions;
}
