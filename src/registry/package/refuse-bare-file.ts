import { open } from 'node:fs/promises';
import { AppError } from '../../errors.ts';
import { contentKind, headBytes } from '../gate/content-kind.ts';

/**
 * Refuses a single file where a model needs a tokenizer and settings beside it.
 *
 * @throws AppError FORMAT_NOT_LOADABLE for a format that runs code, else MODEL_FORMAT
 */
export async function refuseBareFile(file: string): Promise<never> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const kind = contentKind(buffer.subarray(0, bytesRead));
    if (kind === 'pickle' || kind === 'keras-h5') {
      const label = kind === 'pickle' ? 'a Python pickle (PyTorch, joblib)' : 'an HDF5 file (Keras)';
      throw new AppError(
        'FORMAT_NOT_LOADABLE',
        `Got ${label}, which runs code of its own when it is loaded. Export the model as ONNX in the hub layout.`,
      );
    }
    throw new AppError(
      'MODEL_FORMAT',
      'Expected a zip in the layout of the Hugging Face hub (config.json, tokenizer.json, tokenizer_config.json, onnx/model.onnx), got a single file. Pack the folder and send it, or name the framework onnx.',
    );
  } finally {
    await handle.close();
  }
}
