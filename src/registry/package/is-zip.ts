import { open } from 'node:fs/promises';

const marks = ['PK\x03\x04', 'PK\x05\x06'];

/** Whether a file starts as a zip does. One that merely ends as a zip is whatever its first bytes say. */
export async function isZip(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return marks.includes(buffer.toString('latin1', 0, bytesRead));
  } finally {
    await handle.close();
  }
}
