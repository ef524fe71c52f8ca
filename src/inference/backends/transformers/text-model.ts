import type { InferenceSession } from 'onnxruntime-node';
import { AppError } from '../../../errors.ts';
import { Drain } from '../../../lib/drain.ts';
import type { Tensor as OwnTensor, TensorMap, TensorSpec } from '../../../lib/tensor.ts';
import type { LoadedModel, LoadOptions } from '../../backend.ts';
import type { TextEncoder, TokenizedText } from '../../text/text-encoder.ts';
import { readTextSettings } from '../../text/text-settings.ts';
import { makeTransformerEncoder } from '../../text/transformer-encoder.ts';
import { checkTextInputs, inputWidth, tokenBatch, vectorOutput } from '../../text/transformer-tensors.ts';
import { TransformerTokenizer } from '../../text/transformer-tokenizer.ts';
import { specOf } from '../onnx/loaded-model.ts';
import { type HubPackage, loadingOptions } from './hub-package.ts';
import type { Transformers } from './library.ts';
import { inputFields } from './tasks.ts';

type Tensor = InstanceType<Transformers['Tensor']>;
type Tokenizer = Awaited<ReturnType<Transformers['AutoTokenizer']['from_pretrained']>>;
type Model = Awaited<ReturnType<Transformers['AutoModel']['from_pretrained']>>;

/**
 * An encoder of texts from the library's own tokenizer, model and pooling, for the lane that batches texts. The
 * library's pipeline would cut at the tokenizer's limit and mix texts of one call; here both are as for ONNX packages.
 *
 * @returns undefined when the package is no encoder of texts into vectors.
 * @throws AppError MODEL_MANIFEST, and what the library throws
 */
export async function loadTextModel(
  library: Transformers,
  hub: HubPackage,
  options: LoadOptions,
): Promise<LoadedModel | undefined> {
  if (!hub.has('tokenizer.json') || !hub.has('tokenizer_config.json')) return undefined;
  const loading = loadingOptions(hub, options);
  const model = await library.AutoModel.from_pretrained(hub.directory, loading);
  try {
    const session = (model.sessions as Readonly<Record<string, InferenceSession>>).model;
    const inputs = session?.inputMetadata.map((value) => specOf(value, 'input')) ?? [];
    const outputs = session?.outputMetadata.map((value) => specOf(value, 'output')) ?? [];
    const output = vectorOutput(outputs);
    if (output && inputs.some(({ name }) => name === 'input_ids')) {
      checkTextInputs(inputs);
      const tokenizer = await library.AutoTokenizer.from_pretrained(hub.directory, loading);
      const drain = new Drain(
        async () => void (await model.dispose()),
        () => new AppError('BACKEND_FAILED', 'Expected a loaded model, but it was unloaded; load it again'),
      );
      const text = await openEncoder({ library, model, tokenizer, inputs, output, drain }, hub, options);
      return {
        inputs: [],
        outputs: [{ name: 'embedding', dtype: 'float32', shape: [-1, text.info.dimension] }],
        fields: { inputs: inputFields('feature-extraction'), outputs: [] },
        memoryBytes: hub.memoryBytes,
        text,
        predict: refuseTensors,
        dispose: () => drain.close(),
      };
    }
  } catch (error) {
    await model.dispose();
    throw error;
  }
  await model.dispose();
  return undefined;
}

async function refuseTensors(): Promise<never> {
  throw new AppError('INVALID_INPUT', 'Expected texts, got tensors; send {"texts":[...]}');
}

interface EncoderParts {
  readonly library: Transformers;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly inputs: readonly TensorSpec[];
  readonly output: TensorSpec;
  readonly drain: Drain;
}

async function openEncoder(parts: EncoderParts, hub: HubPackage, options: LoadOptions): Promise<TextEncoder> {
  const { tokenizer, inputs, output } = parts;
  const settings = await readTextSettings(hub, options);
  const maxTokens = Math.min(settings.maxTokens, inputWidth(inputs));
  const texts = new TransformerTokenizer(
    {
      encode: (text, how) => ({ ids: tokenizer.encode(text, how) }),
      token_to_id: (token) => tokenizer.convert_tokens_to_ids(token),
    },
    { pad: tokenizer.pad_token, unknown: tokenizer.unk_token },
    maxTokens,
  );
  const pooling = output.shape.length === 2 ? 'model' : settings.pooling;
  const embed = embedderOf(parts, pooling, texts.padId);
  const declared = output.shape.at(-1) ?? -1;
  const dimension = declared > 0 ? declared : (await embed([texts.tokenize('a')])).length;
  return makeTransformerEncoder({ info: { ...settings, maxTokens, pooling, dimension }, tokenizer: texts, embed });
}

/** Units to pooled vectors `[units, dimension]`, by the library's model and pooling. */
function embedderOf(
  { library, model, inputs, output, drain }: EncoderParts,
  pooling: 'mean' | 'cls' | 'model',
  padId: number,
): (units: readonly TokenizedText[]) => Promise<Float32Array> {
  const toTensor = ({ dtype, data, shape }: OwnTensor) => new library.Tensor(dtype, data as never, [...shape]);
  const shape = inputs.find(({ name }) => name === 'input_ids')?.shape ?? [-1, -1];
  // Pooling looks at it, also where the model itself does not.
  const mask: TensorSpec = { name: 'attention_mask', dtype: 'int64', shape };
  const poolings = {
    mean: (hidden: Tensor, feeds: Readonly<Record<string, Tensor>>) =>
      library.mean_pooling(hidden, feeds.attention_mask as Tensor),
    cls: (hidden: Tensor) => hidden.slice(null, 0) as Tensor,
    model: (vectors: Tensor) => vectors,
  };
  return (units) =>
    drain.run(async () => {
      const batch: TensorMap = { ...tokenBatch([mask], units, padId), ...tokenBatch(inputs, units, padId) };
      const feeds = Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, toTensor(tensor)]));
      const outputs = (await model(feeds)) as Readonly<Record<string, Tensor>>;
      const pooled = poolings[pooling](outputs[output.name] as Tensor, feeds);
      // Vectors are scaled in place later, so they get memory of their own.
      return Float32Array.from(pooled.data as Float32Array);
    });
}
