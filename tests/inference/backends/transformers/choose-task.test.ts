import { describe, expect, it } from 'vitest';
import { chooseTask } from '../../../../src/inference/backends/transformers/choose-task.ts';
import type { HubPackage } from '../../../../src/inference/backends/transformers/hub-package.ts';
import { type Task, tasks } from '../../../../src/inference/backends/transformers/tasks.ts';
import { refusal } from '../../../support/codes.ts';

/** A package with this config, and these files beside it. */
const hub = (config: object, ...files: string[]): HubPackage => ({
  digest: 'd',
  directory: '/nowhere',
  entry: 'onnx/model.onnx',
  config: config as HubPackage['config'],
  subfolder: 'onnx',
  files: [],
  memoryBytes: 0,
  has: (file) => files.includes(file),
});
const of = (...architectures: unknown[]) => hub({ architectures }, 'tokenizer.json', 'preprocessor_config.json');

describe('the task of an architecture', () => {
  // Names as the models of the hub have them.
  it.each<[string, Task]>([
    ['BertForSequenceClassification', 'text-classification'],
    ['DistilBertForTokenClassification', 'token-classification'],
    ['RobertaForQuestionAnswering', 'question-answering'],
    ['BertForMaskedLM', 'fill-mask'],
    ['LlamaForCausalLM', 'text-generation'],
    ['GPT2LMHeadModel', 'text-generation'],
    ['T5ForConditionalGeneration', 'text2text-generation'],
    ['MarianMTModel', 'translation'],
    ['M2M100ForConditionalGeneration', 'translation'],
    ['WhisperForConditionalGeneration', 'automatic-speech-recognition'],
    ['MoonshineForConditionalGeneration', 'automatic-speech-recognition'],
    ['Wav2Vec2ForCTC', 'automatic-speech-recognition'],
    ['Speech2TextForSpeechSeq2Seq', 'automatic-speech-recognition'],
    ['Wav2Vec2ForSequenceClassification', 'audio-classification'],
    ['HubertForSequenceClassification', 'audio-classification'],
    ['ASTForAudioClassification', 'audio-classification'],
    ['WhisperForAudioClassification', 'audio-classification'],
    ['ClapForAudioClassification', 'audio-classification'],
    ['VisionEncoderDecoderModel', 'image-to-text'],
    ['ViTForImageClassification', 'image-classification'],
    ['DeiTForImageClassificationWithTeacher', 'image-classification'],
    ['DetrForObjectDetection', 'object-detection'],
    ['OwlViTForObjectDetection', 'zero-shot-object-detection'],
    ['Owlv2ForObjectDetection', 'zero-shot-object-detection'],
    ['GroundingDinoForObjectDetection', 'zero-shot-object-detection'],
    ['SomeForZeroShotObjectDetection', 'zero-shot-object-detection'],
    ['DPTForDepthEstimation', 'depth-estimation'],
    ['Swin2SRForImageSuperResolution', 'image-to-image'],
    ['DetrForSegmentation', 'image-segmentation'],
    ['SegformerForSemanticSegmentation', 'image-segmentation'],
    ['VitsModel', 'text-to-audio'],
    ['SpeechT5ForTextToSpeech', 'text-to-audio'],
    ['CLIPModel', 'zero-shot-image-classification'],
    ['SiglipModel', 'zero-shot-image-classification'],
    ['Siglip2Model', 'zero-shot-image-classification'],
    ['ClapModel', 'zero-shot-audio-classification'],
  ])('%s', (architecture, task) => expect(chooseTask(of(architecture), undefined)).toBe(task));

  it('is that of the first one that tells it', () => {
    expect(chooseTask(of('Strange', 'BertForMaskedLM', 'BertForTokenClassification'), undefined)).toBe('fill-mask');
  });
});

describe('metadata.taskType', () => {
  it('goes before the files, by the names of the library', () => {
    for (const task of Object.keys(tasks)) expect(chooseTask(of('BertForMaskedLM'), task)).toBe(task);
  });

  it.each<[string, Task]>([
    ['text-embedding', 'feature-extraction'],
    ['embeddings', 'feature-extraction'],
    ['sentence-similarity', 'feature-extraction'],
    ['sentiment-analysis', 'text-classification'],
    ['ner', 'token-classification'],
    ['NER', 'token-classification'],
    ['asr', 'automatic-speech-recognition'],
    ['text-to-speech', 'text-to-audio'],
    ['generate', 'text-generation'],
    ['chat', 'text-generation'],
    ['translation_en_to_de', 'translation'],
  ])('may be %s', (taskType, task) => expect(chooseTask(of('BertForMaskedLM'), taskType)).toBe(task));

  it.each(['classification', 'regression', '', 'toString', '__proto__'])(
    'of other frameworks tells nothing, so the files do: %j',
    (taskType) => expect(chooseTask(of('ViTForImageClassification'), taskType)).toBe('image-classification'),
  );
});

describe('without a known architecture', () => {
  it.each(['1_Pooling/config.json', 'sentence_bert_config.json'])('%s makes it an encoder, whatever it was', (file) => {
    expect(chooseTask(hub({ architectures: ['BertForMaskedLM'] }, file), undefined)).toBe('feature-extraction');
  });

  it('a tokenizer makes it an encoder of texts, a preprocessor one of images', () => {
    expect(chooseTask(of('BertModel'), undefined)).toBe('feature-extraction');
    expect(chooseTask(hub({ architectures: 'BertForMaskedLM' }, 'tokenizer.json'), undefined)).toBe(
      'feature-extraction',
    );
    expect(chooseTask(hub({ architectures: ['ViTModel'] }, 'preprocessor_config.json'), undefined)).toBe(
      'image-feature-extraction',
    );
  });

  it.each([
    ['no file', hub({ architectures: ['Strange'] })],
    ['no architecture', hub({}, 'preprocessor_config.json')],
  ])('and %s to tell, it is refused with the tasks there are', async (_name, files) => {
    const error = await refusal(() => chooseTask(files, 'classification'));
    expect(error.code).toBe('MODEL_MANIFEST');
    for (const task of Object.keys(tasks)) expect(error.message).toContain(task);
  });
});
