import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import { type ReceivedFile, receiveFile } from '../lib/receive-file.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { writing } from '../store/storage-full.ts';
import { differingFiles } from './package/differing-files.ts';
import { unpackModel } from './package/unpack-model.ts';

/** A model's files on this node: where a runner finds them. */
export interface LocalPackage {
  readonly digest: string;
  readonly directory: string;
  readonly entry: string;
}

/**
 * The packages that lie on this node, each in a folder named by the sha256 of its bytes and by how they are
 * read (the framework, and the file that is the model, where metadata names one):
 * `stored` holds the bytes as they came, `files/` what they unpack to, `entry` the name of the model file.
 * A folder appears whole, by renaming, or not at all; the tables stay the truth and can fill it again.
 */
export class PackageStore {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #fetching = new SingleFlight<LocalPackage>();
  readonly #known = new Map<string, { readonly local: LocalPackage; readonly mark: string | undefined }>();

  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
  }

  /** Receives bytes into a waiting place. @throws AppError MODEL_TOO_LARGE, STORAGE_FULL */
  receive(source: Readable): Promise<ReceivedFile> {
    const incoming = join(this.#root, 'incoming');
    return writing(() => receiveFile(source, incoming, this.#maxBytes, () => this.tooLarge()));
  }

  /** An empty folder for what is still being put together; whoever asked removes it, the next start at the latest. */
  async scratch(): Promise<string> {
    const folder = join(this.#root, 'incoming', randomUUID());
    await mkdir(folder, { recursive: true });
    return folder;
  }

  tooLarge(): AppError {
    return new AppError(
      'MODEL_TOO_LARGE',
      `Expected at most ${this.#maxBytes} bytes of model, got more. MAX_MODEL_BYTES raises the limit.`,
    );
  }

  /**
   * Unpacks received bytes. The received file stays: the caller removes it.
   *
   * @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_FORMAT, MODEL_MALFORMED, FORMAT_NOT_LOADABLE, STORAGE_FULL
   */
  admit(file: ReceivedFile, framework: string, filename?: string): Promise<LocalPackage> {
    return writing(() => this.#admit(file, framework, filename));
  }

  async #admit(file: ReceivedFile, framework: string, filename?: string): Promise<LocalPackage> {
    const key = keyOf(file.sha256, framework, filename);
    const present = await this.#find(key);
    if (present) return present;
    const making = join(this.#root, 'making', randomUUID());
    try {
      await this.#make(making, file, framework, filename);
      await mkdir(join(this.#root, 'packages'), { recursive: true });
      await rename(making, this.#folder(key)).catch((error: NodeJS.ErrnoException) => {
        // Another thread was first; its folder holds the same bytes.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(making, { recursive: true, force: true });
    }
    const made = await this.#find(key);
    if (!made) throw new Error('a package vanished while it was made');
    return made;
  }

  async #make(making: string, file: ReceivedFile, framework: string, filename?: string): Promise<void> {
    const directory = join(making, 'files');
    await mkdir(directory, { recursive: true });
    const { entry } = await unpackModel({
      file: file.path,
      directory,
      framework,
      limits: { totalBytes: this.#maxBytes },
      ...(filename !== undefined && { filename }),
    });
    await writeFile(join(making, 'entry'), entry);
    await link(file.path, join(making, 'stored'));
  }

  /**
   * Compares the package of this node with received bytes, file by file, and replaces it where it differs. Nobody may
   * remove the digest meanwhile.
   *
   * @returns paths that differed; none where all was well, or where there was no package yet.
   */
  async repair(file: ReceivedFile, framework: string, filename?: string): Promise<string[]> {
    const key = keyOf(file.sha256, framework, filename);
    const making = join(this.#root, 'making', randomUUID());
    try {
      await writing(() => this.#make(making, file, framework, filename));
      if (!(await this.#find(key))) return [];
      const differing = await differingFiles(this.#folder(key), making);
      if (differing.length === 0) return [];
      this.forget(file.sha256);
      await this.#removeWhole(key);
      await rename(making, this.#folder(key));
      return differing;
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /**
   * The package of a digest, fetched from the table when this node has no copy.
   *
   * @param open   opens the stored bytes.
   * @param alone  runs the fetch while nobody removes this digest.
   * @throws AppError MODEL_UNAVAILABLE when the stored bytes do not match the digest.
   */
  async ensure(
    digest: string,
    framework: string,
    open: () => Promise<Readable | undefined>,
    filename?: string,
    alone: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
  ): Promise<LocalPackage> {
    const key = keyOf(digest, framework, filename);
    const known = this.#known.get(key);
    if (known) return known.local;
    const present = await this.#find(key);
    if (present) return present;
    const fetch = async () => {
      const source = await open();
      if (!source) throw unavailable('its bytes are not stored');
      const file = await this.receive(source);
      try {
        if (file.sha256 !== digest) throw unavailable('its stored bytes do not match their digest');
        return await this.admit(file, framework, filename);
      } finally {
        await rm(file.path, { force: true });
      }
    };
    return this.#fetching.run(key, () => alone(fetch));
  }

  /**
   * Whether a package has been removed since this thread found it, by whichever thread, even if it is back again;
   * the next `ensure` then looks at the disk.
   */
  async isGone({ digest, directory }: LocalPackage): Promise<boolean> {
    const mark = await markOf(directory);
    const known = [...this.#known.values()].find(({ local }) => local.directory === directory);
    if (mark !== undefined && mark === known?.mark) return false;
    this.forget(digest);
    return true;
  }

  async remove(digest: string): Promise<void> {
    this.forget(digest);
    for (const key of await readdir(join(this.#root, 'packages')).catch(() => [])) {
      if (key.startsWith(digest)) await this.#removeWhole(key);
    }
  }

  /** As a folder appears whole or not at all, so it goes: whoever is loading it must not find the half of it. */
  async #removeWhole(key: string): Promise<void> {
    const leaving = join(this.#root, 'making', randomUUID());
    await mkdir(join(this.#root, 'making'), { recursive: true });
    await rename(this.#folder(key), leaving).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rm(leaving, { recursive: true, force: true });
  }

  /** Forgets what this thread remembers of a digest, so that the next use looks at the disk again. */
  forget(digest: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(digest)) this.#known.delete(key);
  }

  /**
   * Removes what an interrupted upload left behind, and what has come since this process started never: other
   * threads may be receiving already. Call once per node and start.
   *
   * @param digestsInUse  those that a model row names; with it, packages that no row names go too.
   */
  async sweep(digestsInUse: () => Promise<ReadonlySet<string>>): Promise<void> {
    const startedAt = Date.now() - process.uptime() * 1000;
    const removeOld = async (path: string) => {
      const age = await stat(path).catch(() => undefined);
      if (age && age.ctimeMs < startedAt) await rm(path, { recursive: true, force: true });
    };
    for (const folder of ['incoming', 'making']) {
      for (const name of await namesIn(join(this.#root, folder))) await removeOld(join(this.#root, folder, name));
    }
    const inUse = await digestsInUse();
    for (const key of await namesIn(join(this.#root, 'packages'))) {
      if (!inUse.has(key.slice(0, digestLength))) await removeOld(this.#folder(key));
    }
  }

  async #find(key: string): Promise<LocalPackage | undefined> {
    const folder = this.#folder(key);
    const entry = await readFile(join(folder, 'entry'), 'utf8').catch(() => undefined);
    if (entry === undefined || !(await stat(join(folder, 'stored')).catch(() => undefined))) return undefined;
    const local = { digest: key.slice(0, digestLength), directory: join(folder, 'files'), entry };
    this.#known.set(key, { local, mark: await markOf(local.directory) });
    return local;
  }

  #folder(key: string): string {
    return join(this.#root, 'packages', key);
  }
}

/** Tells a folder from one that took its place under the same path. */
const markOf = (folder: string): Promise<string | undefined> =>
  stat(folder).then(
    ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
    () => undefined,
  );

const digestLength = 64;

function keyOf(digest: string, framework: string, filename = ''): string {
  const part = filename === '' ? '' : `-${createHash('sha256').update(filename).digest('hex').slice(0, 12)}`;
  return `${digest}-${framework}${part}`;
}

/** Why a version's bytes cannot be had. */
export function unavailable(why: string): AppError {
  return new AppError(
    'MODEL_UNAVAILABLE',
    `This model cannot be loaded on this node: ${why}. Upload it again under a new version.`,
    {
      retryAfterSeconds: 30,
    },
  );
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
