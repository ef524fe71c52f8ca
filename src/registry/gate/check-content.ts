import type { ContentKind } from './content-kind.ts';
import { refusal } from './refusal.ts';
import type { GatedFramework } from './report.ts';

/** Formats that run code of their own when they are opened, and so are never opened. */
const notLoadable: Partial<Record<ContentKind, string>> = {
  pickle: 'a Python pickle (also joblib and PyTorch)',
  'keras-h5': 'an HDF5 file (Keras)',
};

const malformed: Partial<Record<ContentKind, string>> = {
  empty: 'no bytes at all',
  zeros: 'nothing but zeros',
  html: 'an HTML or XML page',
};

const foreign: Partial<Record<ContentKind, string>> = {
  gguf: 'a GGUF file',
  zip: 'a zip archive in the place of the model file',
  compressed: 'a compressed file',
  safetensors: 'a safetensors file',
  ort: "ONNX Runtime's own format",
  tflite: 'a TensorFlow Lite file',
};

const wanted: Record<GatedFramework, { readonly label: string; readonly kinds: readonly ContentKind[] }> = {
  onnx: { label: 'an ONNX file', kinds: ['onnx-like', 'unknown'] },
  tensorflow: { label: "TensorFlow.js' model.json", kinds: ['json'] },
  transformers: { label: 'an ONNX file', kinds: ['onnx-like', 'unknown'] },
  ollama: { label: 'a JSON description, {"modelName","mode"}', kinds: ['json'] },
};

/**
 * Compares what a model file is with what its framework loads.
 *
 * @throws AppError FORMAT_NOT_LOADABLE, MODEL_FORMAT, MODEL_MALFORMED
 */
export function checkContent(kind: ContentKind, framework: GatedFramework): void {
  const { label, kinds } = wanted[framework];
  if (kinds.includes(kind)) return;
  const dangerous = notLoadable[kind];
  if (dangerous) {
    throw refusal(
      'FORMAT_NOT_LOADABLE',
      '',
      `got ${dangerous}, which runs code of its own when it is loaded. Export the model as ONNX or TensorFlow.js.`,
    );
  }
  const broken = malformed[kind];
  if (broken) throw refusal('MODEL_MALFORMED', '', `expected ${label}, got ${broken}. Send the model file itself.`);
  const other = foreign[kind] ?? (kind === 'json' ? 'a JSON file' : kind === 'onnx-like' ? 'an ONNX file' : undefined);
  if (other)
    throw refusal('MODEL_FORMAT', '', `expected ${label}, got ${other}. Name the framework that the file belongs to.`);
  throw refusal('MODEL_MALFORMED', '', `expected ${label}, got bytes that are none. Send the model file itself.`);
}
