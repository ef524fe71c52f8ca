import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EgressPolicy } from '../../egress/egress-policy.ts';
import { AppError } from '../../errors.ts';
import { download as downloadBytes } from '../fetch/download.ts';
import { writeArchive } from '../package/write-archive.ts';
import type { ModelSource } from './folder-entry.ts';

export interface GatherOptions {
  /** The folder `models/` of this project. */
  readonly modelsFolder: string;
  /** The package.json from which npm packages are found. */
  readonly packageJson: string;
  /** Where zips are made and downloads kept. */
  readonly workFolder: string;
  /** The hub, or undefined where it may not be asked. */
  readonly hub: { readonly endpoint: string; readonly policy: EgressPolicy; readonly maxBytes: number } | undefined;
  /** Names of the models that the Ollama server has, where it matters. @throws when none answers */
  readonly ollamaModels?: () => Promise<readonly string[]>;
}

/**
 * Finds or makes the one file that holds a model's bytes.
 *
 * @returns an absolute path
 * @throws Error saying in one line why the bytes cannot be had
 */
export async function gatherBytes(name: string, source: ModelSource, options: GatherOptions): Promise<string> {
  if (source.type === 'bundle') return existing(join(options.modelsFolder, source.path));
  if (source.type === 'npm') {
    const folder = npmFolder(source.package, options.packageJson);
    const files = source.files.map((file) => ({ path: basename(file), source: join(folder, file) }));
    return archive(name, files, options);
  }
  if (source.type === 'ollama') return ollamaDescription(name, source, options);
  const { hub } = options;
  if (!hub) throw new Error(`it comes from the hub (${source.repository}); set ALLOW_REMOTE_MODELS=true to fetch it`);
  const { repository, revision, files } = source;
  const downloaded: { path: string; source: string }[] = [];
  for (const file of files) {
    downloaded.push({
      path: file,
      source: await download(
        new URL(`${hub.endpoint.replace(/\/+$/, '')}/${repository}/resolve/${revision}/${file}`),
        join(options.workFolder, name, file),
        hub,
      ),
    });
  }
  return archive(name, downloaded, options);
}

/** An Ollama server keeps the weights; what is stored says which. */
async function ollamaDescription(
  name: string,
  { description }: Extract<ModelSource, { type: 'ollama' }>,
  options: GatherOptions,
): Promise<string> {
  const there = await options.ollamaModels?.().catch(() => {
    throw new Error('no Ollama server answers at OLLAMA_HOST; start one and run npm run preload');
  });
  const model = description.modelName;
  if (there && model !== undefined && !there.includes(model) && !there.includes(`${model}:latest`)) {
    throw new Error(`the Ollama server does not have it; run ollama pull ${model}, then npm run preload`);
  }
  return written(name, JSON.stringify(description), options);
}

/** Packs the files of a folder as one zip, or names the file when it is the only one. */
export async function gatherFolder(
  name: string,
  directory: string,
  files: readonly string[],
  options: GatherOptions,
): Promise<string> {
  if (files.length === 1) return join(directory, files[0] as string);
  return archive(
    name,
    files.map((file) => ({ path: file, source: join(directory, file) })),
    options,
  );
}

async function archive(
  name: string,
  files: readonly { path: string; source: string }[],
  { workFolder }: GatherOptions,
): Promise<string> {
  for (const { source } of files) await existing(source);
  await mkdir(workFolder, { recursive: true });
  const target = join(workFolder, `${name}.zip`);
  await writeArchive([...files], target);
  return target;
}

async function written(name: string, text: string, { workFolder }: GatherOptions): Promise<string> {
  await mkdir(workFolder, { recursive: true });
  const target = join(workFolder, `${name}.json`);
  await writeFile(target, text);
  return target;
}

async function existing(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`${basename(path)} is not there`);
  return path;
}

function npmFolder(name: string, packageJson: string): string {
  try {
    return dirname(createRequire(packageJson).resolve(`${name}/package.json`));
  } catch {
    throw new Error(`the npm package ${name} is not installed`);
  }
}

async function download(url: URL, target: string, hub: NonNullable<GatherOptions['hub']>): Promise<string> {
  if (await stat(target).catch(() => undefined)) return target;
  await mkdir(dirname(target), { recursive: true });
  const bytes = downloadBytes(url, {
    ...hub,
    signal: new AbortController().signal,
    onProgress: () => {},
    tooLarge: () => new AppError('MODEL_TOO_LARGE', `${basename(target)} is larger than MAX_MODEL_BYTES allows`),
  });
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), createWriteStream(target));
  } catch (error) {
    // What came before is no file yet, and would be taken for one.
    await rm(target, { force: true });
    throw error;
  }
  return target;
}
