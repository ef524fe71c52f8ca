import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/**
 * A zip whose bytes depend on nothing but the files: sorted by name, one fixed time, one mode, and stored
 * uncompressed, since weights hardly shrink and deflate's bytes change between zlib versions.
 *
 * @param files  contents by path inside the archive, with forward slashes.
 */
export async function zipFiles(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  // A zip stores local time, so a fixed UTC time would give other bytes in another time zone.
  const mtime = new Date(2000, 0, 1);
  const zip = new ZipFile();
  for (const [path, bytes] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    zip.addBuffer(Buffer.from(bytes), path, {
      mtime,
      mode: 0o100644,
      compress: false,
      forceDosTimestamp: true,
    });
  }
  zip.end();
  return buffer(zip.outputStream);
}
