import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, type ErrorCode } from '../../../src/errors.ts';
import { checkContent } from '../../../src/registry/gate/check-content.ts';
import { contentKind, headBytes } from '../../../src/registry/gate/content-kind.ts';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import { ByteWindow } from '../../../src/registry/gate/onnx/byte-window.ts';
import { inspectOnnx } from '../../../src/registry/gate/onnx/inspect-onnx.ts';
import {
  defaultLimits,
  type GatedFramework,
  type GateLimits,
  type PackageReport,
} from '../../../src/registry/gate/report.ts';

/** Runs with a folder of its own, removed afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gate-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts one model file into a package and inspects that. */
export const inspectFile = (
  bytes: Uint8Array | string,
  framework: GatedFramework = 'onnx',
  limits: Partial<GateLimits> = {},
): Promise<PackageReport> =>
  withFolder(async (directory) => {
    const entry = framework === 'onnx' ? 'model.onnx' : 'model.json';
    await writeFile(join(directory, entry), bytes);
    return inspectPackage({ directory, entry, framework, limits });
  });

/** The same decisions without a file, for many inputs. */
export function inspectBytes(bytes: Uint8Array): PackageReport {
  checkContent(contentKind(bytes.subarray(0, headBytes)), 'onnx');
  return inspectOnnx(ByteWindow.over(bytes), defaultLimits);
}

/** What a refusal says: its code, the place of its first violation and its message. */
export async function refusalOf(
  work: Promise<unknown>,
): Promise<{ code: ErrorCode; path: string | undefined; message: string }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, path: error.violations[0]?.path, message: error.message };
  }
  throw new Error('expected a refusal, the model was let through');
}
