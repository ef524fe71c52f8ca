import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { EgressPolicy } from '../../egress/egress-policy.ts';
import { AppError } from '../../errors.ts';
import { FinalError } from '../../jobs/retry.ts';
import { type ReceivedFile, receiveFile } from '../../lib/receive-file.ts';
import { writing } from '../../store/storage-full.ts';
import { type ArchiveFile, archiveStream } from '../package/write-archive.ts';
import type { PackageStore } from '../package-store.ts';
import { download } from './download.ts';
import type { FetchRequest, Gathering } from './fetch-request.ts';
import { type HubFile, listHubFiles, parseHubReference } from './hub.ts';
import type { ModelFolders } from './model-folders.ts';
import { isVariant, pickHubFiles, pickVariant, variants } from './pick-files.ts';

export interface ModelSourcesPorts {
  readonly packages: PackageStore;
  readonly folders: ModelFolders;
  readonly policy: EgressPolicy;
  readonly hub: { readonly endpoint: string; readonly isAllowed: boolean };
  readonly maxBytes: number;
}

/** Where models are fetched from: folders of this machine, URLs, the hub. */
export class ModelSources {
  readonly #ports: ModelSourcesPorts;

  constructor(ports: ModelSourcesPorts) {
    this.#ports = ports;
  }

  /**
   * Refuses what can never be fetched, before a job is made of it.
   *
   * @throws AppError URL_FORBIDDEN, PATH_FORBIDDEN, INVALID_INPUT
   */
  async check({ source, sourceReference, variant }: FetchRequest): Promise<void> {
    const { folders, policy, hub } = this.#ports;
    if (variant !== undefined && source === 'url') throw invalid('variant', 'a URL names one file; leave variant out');
    if (variant !== undefined && !isVariant(variant))
      throw invalid('variant', `expected one of ${variants.join(', ')}, or the path of an .onnx file`);
    if (source === 'filesystem') return void (await folders.find(sourceReference));
    if (source === 'huggingface') this.#checkHub(sourceReference);
    const url = policy.parse(source === 'url' ? sourceReference : hub.endpoint);
    // Who waits for a slow name server waits no longer than for a connection; the job asks again.
    await Promise.race([policy.check(url), pause(2000, undefined, { ref: false })]);
  }

  /**
   * Brings the bytes of a model to this machine, and leaves nothing behind when that fails.
   *
   * @throws AppError URL_FORBIDDEN, PATH_FORBIDDEN, UPSTREAM_UNAVAILABLE, MODEL_FORMAT, MODEL_TOO_LARGE,
   *         ARCHIVE_*, STORAGE_FULL; FinalError; the signal's reason
   */
  async gather(request: FetchRequest, gathering: Gathering): Promise<ReceivedFile> {
    await this.check(request);
    const { source, sourceReference } = request;
    if (source === 'filesystem') return this.#fromFolder(request, gathering);
    if (source === 'huggingface') return this.#fromHub(request, gathering);
    return this.#receive(download(this.#ports.policy.parse(sourceReference), { ...gathering, ...this.#limits() }));
  }

  async #fromFolder({ sourceReference, variant }: FetchRequest, gathering: Gathering): Promise<ReceivedFile> {
    const found = await this.#ports.folders.find(sourceReference);
    if (!found.isFolder) return this.#receive(this.#read(found.path, (await stat(found.path)).size, gathering));
    const all = await this.#ports.folders.filesOf(found);
    const files = variant === undefined ? all : pickVariant(all, variant);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    if (total > this.#ports.maxBytes) throw this.#ports.packages.tooLarge();
    const [only] = files;
    if (!only) throw new AppError('MODEL_FORMAT', 'Expected a folder with the files of a model, found none in it.');
    if (files.length === 1) return this.#receive(this.#read(only.source, only.size, gathering));
    return this.#pack(files, total, gathering);
  }

  /** Files come one by one into a folder of their own, each checked against its digest, and are packed from there. */
  async #fromHub({ sourceReference, variant }: FetchRequest, gathering: Gathering): Promise<ReceivedFile> {
    const { policy, packages, hub } = this.#ports;
    const repository = this.#checkHub(sourceReference);
    const files = pickHubFiles(await listHubFiles(hub.endpoint, repository, { policy, ...gathering }), variant);
    const total = files.some(({ size }) => size === null)
      ? null
      : files.reduce((sum, file) => sum + (file.size ?? 0), 0);
    if ((total ?? 0) > this.#ports.maxBytes) throw packages.tooLarge();
    const folder = await packages.scratch();
    try {
      const packed: ArchiveFile[] = [];
      let before = 0;
      for (const file of files) {
        const onProgress = (done: number) => gathering.onProgress(before + done, total);
        const target = await this.#fromHubTo(folder, file, { ...gathering, onProgress });
        before += target.size;
        packed.push({ path: file.path, source: target.path });
      }
      return await this.#pack(packed, null, { ...gathering, onProgress: () => {} });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #fromHubTo(folder: string, { path, url, sha256 }: HubFile, gathering: Gathering): Promise<ReceivedFile> {
    const target = dirname(join(folder, path));
    await mkdir(target, { recursive: true });
    const { maxBytes, tooLarge } = this.#limits();
    const source = Readable.from(download(url, { ...gathering, ...this.#limits() }), { objectMode: false });
    const file = await writing(() => receiveFile(source, target, maxBytes, tooLarge));
    if (sha256 === undefined || sha256 === file.sha256) return file;
    throw new AppError(
      'DIGEST_MISMATCH',
      `Expected ${path} with sha256 ${sha256}, as its hub says, got ${file.sha256}. Fetch it again.`,
    );
  }

  #pack(files: readonly ArchiveFile[], total: number | null, gathering: Gathering): Promise<ReceivedFile> {
    return this.#receive(counted(archiveStream(files), total, gathering));
  }

  #read(path: string, size: number, gathering: Gathering): AsyncGenerator<Buffer> {
    return counted(createReadStream(path), size, gathering);
  }

  #receive(source: AsyncGenerator<Buffer>): Promise<ReceivedFile> {
    return this.#ports.packages.receive(Readable.from(source, { objectMode: false }));
  }

  #limits() {
    const { policy, maxBytes, packages } = this.#ports;
    return { policy, maxBytes, tooLarge: () => packages.tooLarge() };
  }

  #checkHub(sourceReference: string) {
    if (!this.#ports.hub.isAllowed) {
      const message =
        'Models are not fetched from the hub here. Have ALLOW_REMOTE_MODELS set to true, or put the files into MODELS_DIR and fetch them with source "filesystem".';
      throw new AppError('URL_FORBIDDEN', message);
    }
    const repository = parseHubReference(sourceReference);
    if (!repository) throw invalid('sourceReference', 'expected owner/name or owner/name@revision');
    return repository;
  }
}

/** Tells how far a stream was read, and stops when the signal says so. The frame of a zip is not counted. */
async function* counted(
  source: Readable,
  total: number | null,
  { signal, onProgress }: Gathering,
): AsyncGenerator<Buffer> {
  let done = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      done += chunk.length;
      onProgress(total === null ? done : Math.min(done, total), total);
      yield chunk;
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AppError) throw cause;
    const message =
      'Expected files that can be read to their end, one could not be. Check what lies there, then fetch it again.';
    throw new FinalError(new AppError('PATH_FORBIDDEN', message, { cause }));
  } finally {
    source.destroy();
  }
}

function invalid(path: string, message: string): AppError {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
