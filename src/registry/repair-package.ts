import { rm } from 'node:fs/promises';
import type { Store } from '../store/store.ts';
import { wantedFile } from './metadata.ts';
import type { Model } from './model.ts';
import { type PackageStore, unavailable } from './package-store.ts';

/**
 * Compares the bytes of a version with their digest, and its package on this node with the bytes; a package that
 * differs is made again from them.
 *
 * @returns paths of the package that differed.
 * @throws AppError MODEL_UNAVAILABLE when the stored bytes are missing or not what they were;
 *         ARCHIVE_*, MODEL_FORMAT, MODEL_MALFORMED, FORMAT_NOT_LOADABLE when they do not unpack
 */
export async function repairPackage(
  { store, packages }: { readonly store: Store; readonly packages: PackageStore },
  { id, digest, framework, metadata }: Model,
): Promise<string[]> {
  return store.withLock(`bytes:${digest}`, async () => {
    const source = await (await store.models.bytes(id))?.stream();
    if (!source) throw unavailable('its bytes are not stored');
    const file = await packages.receive(source);
    try {
      if (file.sha256 !== digest) throw unavailable('its stored bytes do not match their digest');
      return await packages.repair(file, framework, wantedFile(framework, metadata));
    } finally {
      await rm(file.path, { force: true });
    }
  });
}
