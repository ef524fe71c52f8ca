import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ModelOperations } from '@vscode/vscode-languagedetection';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedModel } from '../../src/inference/backend.ts';
import { TensorflowBackend } from '../../src/inference/backends/tensorflow.ts';
import { modelsFolder } from './support.ts';

const entry = JSON.parse(readFileSync(join(modelsFolder, 'metadata', 'guesslang.json'), 'utf8'));
const { labels } = entry.metadata as { labels: string[] };
const directory = join(
  dirname(createRequire(import.meta.url).resolve(`${entry.source.package}/package.json`)),
  dirname(entry.source.files[0]),
);

const programs = {
  py: 'import numpy as np\n\ndef add(a, b):\n    return a + b\n\nif __name__ == "__main__":\n    print(add(1, 2))\n',
  c: '#include <stdio.h>\nint main(void) { printf("hi\\n"); return 0; }\n',
  sql: 'SELECT id, name FROM users WHERE age > 3 ORDER BY name;',
  rs: 'fn main() { let x: Vec<u8> = vec![1]; println!("{:?}", x); }',
  go: 'package main\nimport "fmt"\nfunc main() { fmt.Println("hi") }',
};

describe('guesslang', () => {
  let model: LoadedModel;
  beforeAll(async () => {
    const digest = createHash('sha256').update(directory).digest('hex');
    model = await new TensorflowBackend().load({ digest, directory, entry: 'model.json' }, {});
  });
  afterAll(() => model.dispose());

  const ask = async (texts: readonly string[]) => {
    const { scores, classes } = await model.predict({
      inputs: { dtype: 'string', shape: [texts.length], data: texts },
    });
    return { scores: [...(scores?.data as Float32Array)], classes: classes?.data as string[] };
  };

  it('names its classes in the order of the labels', async () => {
    expect((await ask(['x'])).classes).toEqual(labels);
    expect(labels).toHaveLength(entry.metadata.outputDimensions);
  });

  it.each(Object.entries(programs))('knows a program in %s, as its own package does', async (language, text) => {
    const { scores } = await ask([text]);
    expect(labels[scores.indexOf(Math.max(...scores))]).toBe(language);
    const theirs = await new ModelOperations().runModel(text);
    expect(theirs[0]?.languageId).toBe(language);
    for (const { languageId, confidence } of theirs.slice(0, 5)) {
      expect(scores[labels.indexOf(languageId)]).toBeCloseTo(confidence, 4);
    }
  });

  it('reads several at once as it reads each', async () => {
    const texts = Object.values(programs);
    const { scores } = await ask(texts);
    for (const [row, text] of texts.entries()) {
      const alone = (await ask([text])).scores;
      for (const [column, score] of alone.entries()) expect(scores[row * labels.length + column]).toBeCloseTo(score, 5);
    }
  });

  it('leaves no tensor behind, whatever it reads', async () => {
    await ask(['']);
    const before = tf.memory().numTensors;
    for (let round = 0; round < 10; round++) await ask(['', 'ü𝕏 ñ', '\n'.repeat(50)]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
