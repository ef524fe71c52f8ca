import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import { type ReceivedFile, receiveFile } from '../lib/receive-file.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { unpackModel } from './package/unpack-model.ts';

/** A model's files on this node: where a runner finds them. */
export interface LocalPackage {
  readonly digest: string;
  readonly directory: string;
  readonly entry: string;
}

/**
 * The packages that lie on this node, each in a folder named by the sha256 of its bytes:
 * `stored` holds the bytes as they came, `files/` what they unpack to, `entry` the name of the model file.
 * A folder appears whole, by renaming, or not at all; the tables stay the truth and can fill it again.
 */
export class PackageStore {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #fetching = new SingleFlight<LocalPackage>();
  readonly #known = new Map<string, LocalPackage>();

  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
  }

  /** Receives bytes into a waiting place. @throws AppError MODEL_TOO_LARGE */
  receive(source: Readable): Promise<ReceivedFile> {
    return receiveFile(source, join(this.#root, 'incoming'), this.#maxBytes, () => this.tooLarge());
  }

  tooLarge(): AppError {
    return new AppError('MODEL_TOO_LARGE', `Expected at most ${this.#maxBytes} bytes of model, got more. MAX_MODEL_BYTES raises the limit.`);
  }

  /**
   * Unpacks received bytes. The received file stays: the caller removes it.
   *
   * @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_FORMAT, MODEL_MALFORMED, FORMAT_NOT_LOADABLE
   */
  async admit(file: ReceivedFile, framework: string, filename?: string): Promise<LocalPackage> {
    const present = await this.#find(file.sha256);
    if (present) return present;
    const making = join(this.#root, 'making', randomUUID());
    const directory = join(making, 'files');
    try {
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
      await mkdir(join(this.#root, 'packages'), { recursive: true });
      await rename(making, this.#folder(file.sha256)).catch((error: NodeJS.ErrnoException) => {
        // Another thread was first; its folder holds the same bytes.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(making, { recursive: true, force: true });
    }
    const made = await this.#find(file.sha256);
    if (!made) throw new Error('a package vanished while it was made');
    return made;
  }

  /**
   * The package of a digest, fetched from the table when this node has no copy.
   *
   * @param open  opens the stored bytes.
   * @throws AppError MODEL_UNAVAILABLE when the stored bytes do not match the digest.
   */
  async ensure(digest: string, framework: string, open: () => Promise<Readable | undefined>, filename?: string): Promise<LocalPackage> {
    const known = this.#known.get(digest);
    if (known) return known;
    const present = await this.#find(digest);
    if (present) return present;
    return this.#fetching.run(digest, async () => {
      const source = await open();
      if (!source) throw unavailable('its bytes are not stored');
      const file = await this.receive(source);
      try {
        if (file.sha256 !== digest) throw unavailable('its stored bytes do not match their digest');
        return await this.admit(file, framework, filename);
      } finally {
        await rm(file.path, { force: true });
      }
    });
  }

  async remove(digest: string): Promise<void> {
    this.#known.delete(digest);
    await rm(this.#folder(digest), { recursive: true, force: true });
  }

  /** Forgets what this thread remembers of a digest, so that the next use looks at the disk again. */
  forget(digest: string): void {
    this.#known.delete(digest);
  }

  /** Removes what an interrupted upload left behind. Call once per node, before anything is received. */
  async sweep(): Promise<void> {
    for (const folder of ['incoming', 'making']) {
      for (const name of await readdir(join(this.#root, folder)).catch(() => [])) {
        await rm(join(this.#root, folder, name), { recursive: true, force: true });
      }
    }
  }

  async #find(digest: string): Promise<LocalPackage | undefined> {
    const folder = this.#folder(digest);
    const entry = await readFile(join(folder, 'entry'), 'utf8').catch(() => undefined);
    if (entry === undefined || !(await stat(join(folder, 'stored')).catch(() => undefined))) return undefined;
    const found = { digest, directory: join(folder, 'files'), entry };
    this.#known.set(digest, found);
    return found;
  }

  #folder(digest: string): string {
    return join(this.#root, 'packages', digest);
  }
}

function unavailable(why: string) {
  return new AppError('MODEL_UNAVAILABLE', `This model cannot be loaded on this node: ${why}. Upload it again under a new version.`, {
    retryAfterSeconds: 30,
  });
}
