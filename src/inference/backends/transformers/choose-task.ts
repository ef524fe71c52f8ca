import { AppError } from '../../../errors.ts';
import type { HubPackage } from './hub-package.ts';
import { type Task, tasks } from './tasks.ts';

const isTask = (name: string): name is Task => Object.hasOwn(tasks, name);

/** Other names of tasks: ours, and the library's short ones. */
const synonyms: Readonly<Record<string, Task>> = {
  'text-embedding': 'feature-extraction',
  embeddings: 'feature-extraction',
  'sentence-similarity': 'feature-extraction',
  'sentiment-analysis': 'text-classification',
  ner: 'token-classification',
  asr: 'automatic-speech-recognition',
  'text-to-speech': 'text-to-audio',
  generate: 'text-generation',
  chat: 'text-generation',
};

/** The end of an architecture's name, first match wins. */
const byArchitecture: readonly (readonly [RegExp, Task])[] = [
  [/^(Owl|Grounding)\w*ForObjectDetection$|ForZeroShotObjectDetection$/, 'zero-shot-object-detection'],
  [/^(Wav2Vec2|Hubert|WavLM|UniSpeech|AST)\w*Classification$|ForAudioClassification$/, 'audio-classification'],
  [/^Whisper|^Moonshine|ForSpeechSeq2Seq$|ForCTC$/, 'automatic-speech-recognition'],
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/ForMaskedLM$/, 'fill-mask'],
  [/ForCausalLM$|LMHeadModel$/, 'text-generation'],
  [/^(Marian|M2M100|NLLB)/, 'translation'],
  [/^VisionEncoderDecoder/, 'image-to-text'],
  [/ForImageClassification\w*$/, 'image-classification'],
  [/ForObjectDetection$/, 'object-detection'],
  [/ForDepthEstimation$/, 'depth-estimation'],
  [/ForImageSuperResolution$/, 'image-to-image'],
  [/Segmentation$/, 'image-segmentation'],
  [/^Vits|TextToSpeech$/, 'text-to-audio'],
  [/^(CLIP|Siglip2?|ChineseCLIP|JinaCLIP)Model$/, 'zero-shot-image-classification'],
  [/^ClapModel$/, 'zero-shot-audio-classification'],
  [/ForConditionalGeneration$/, 'text2text-generation'],
];

/**
 * Which pipeline serves a package: what the metadata says, else what the files say.
 *
 * @param taskType  `metadata.taskType`; words of other frameworks (`classification`) are read by the files.
 * @throws AppError MODEL_MANIFEST when nothing tells the task
 */
export function chooseTask(hub: HubPackage, taskType: string | undefined): Task {
  const named = taskType === undefined ? undefined : taskOf(taskType);
  const task = named ?? fromFiles(hub);
  if (task) return task;
  throw new AppError(
    'MODEL_MANIFEST',
    `Expected config.json to name an architecture, or metadata.taskType one of ${Object.keys(tasks).join(', ')}; came neither`,
  );
}

function taskOf(name: string): Task | undefined {
  // `translation_en_to_de` names a language pair.
  const plain = name.toLowerCase().split('_', 1)[0] ?? '';
  return isTask(plain) ? plain : Object.hasOwn(synonyms, plain) ? synonyms[plain] : undefined;
}

function fromFiles({ config, has }: HubPackage): Task | undefined {
  // A sentence encoder often keeps the architecture of the language model that it was trained from.
  if (['1_Pooling/config.json', 'sentence_bert_config.json'].some(has)) return 'feature-extraction';
  const { architectures } = config;
  const names = Array.isArray(architectures) ? architectures.map(String) : [];
  for (const name of names) {
    const found = byArchitecture.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  if (has('tokenizer.json')) return 'feature-extraction';
  return has('preprocessor_config.json') && names.length > 0 ? 'image-feature-extraction' : undefined;
}
