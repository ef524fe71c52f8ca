import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../harper/project-root.ts';
import { type Reply, request } from './api.ts';
import { contentDigest, type History, sha256, type UploadAttempt, uploadAttempt, ways } from './history.ts';
import { columns, randomNumbers, tableModel } from './model-bytes.ts';
import type { RunningServer } from './server.ts';

const bytesPerRow = columns * 4;
const [smallestRows, largestRows] = [1, (20 * 2 ** 20) / bytesPerRow] as const;
const standingModels = { production: 'digits-onnx', candidate: 'standing-candidate' } as const;
const candidateRows = 100;
const predictorsPerModel = 4;

/** Registers the two models that are asked all the time, and one upload to each way in that must survive all rounds. */
export async function prepare(server: RunningServer): Promise<void> {
  const digits = await readFile(join(projectRoot, 'models', 'bundles', 'digits-onnx.onnx'));
  const metadata = { taskType: 'classification', labels: Array.from({ length: 10 }, (_, digit) => String(digit)) };
  const { production, candidate } = standingModels;
  const replies = [
    await uploadForm(
      server,
      { modelName: production, stage: 'production', metadata: JSON.stringify(metadata) },
      digits,
    ),
    await uploadForm(server, { modelName: candidate, stage: 'candidate' }, tableModel(candidateRows, 1).bytes),
  ];
  const refused = replies.find(({ status }) => status !== 201);
  if (refused) throw new Error(`A standing model was refused: ${refused.status} ${JSON.stringify(refused.json)}`);
}

/** Names of the models of {@link prepare}, which no attempt in a history stands for. */
export const standingIds: ReadonlySet<string> = new Set(Object.values(standingModels).map((name) => `${name}:v1`));

/**
 * Writes by every way in until told to stop or the server is gone; each attempt is entered into the history before
 * it is sent, and acknowledged after its whole answer has come.
 *
 * @param seed  decides sizes, contents and questions, but not the timing.
 */
export function startLoad(server: RunningServer, history: History, label: string, seed: number) {
  const random = randomNumbers(seed);
  let stopped = false;
  let serial = 0;
  const loop = async (work: () => Promise<void>) => {
    try {
      while (!stopped) await work();
    } catch (error) {
      // A connection that breaks is what this check is about; anything else is a mistake and ends the run.
      if (!isBroken(error)) throw error;
    }
  };
  const tally = (operation: string, { status, json }: Reply) => {
    const key = `${operation} ${status} ${json.code ?? ''}`.trim();
    history.refusals[key] = (history.refusals[key] ?? 0) + 1;
  };

  const predict = async (modelName: string, features: unknown) => {
    const attempt: History['predictions'][number] = {
      operation: 'predict',
      requestId: `${label}-${serial++}`,
      features,
    };
    history.predictions.push(attempt);
    const reply = await request(server, 'POST', '/predict', { modelName, features, requestId: attempt.requestId });
    if (reply.status !== 200) return tally('predict', reply);
    attempt.id = String(reply.json.inferenceId);
    attempt.digest = contentDigest(features, reply.json.prediction);
    attempt.acknowledgedAt = Date.now();
  };
  const askDigits = () =>
    predict(standingModels.production, { pixels: [Array.from({ length: 64 }, () => Math.floor(random() * 17))] });
  const askCandidate = () => predict(standingModels.candidate, { row: [Math.floor(random() * candidateRows)] });

  let judged = history.predictions.length;
  const giveFeedback = async () => {
    const event = history.predictions.slice(judged).find(({ id }) => id !== undefined);
    if (!event?.id) return new Promise<void>((resolve) => setTimeout(resolve, 5));
    judged = history.predictions.indexOf(event) + 1;
    const outcome = { class: Math.floor(random() * 10) };
    const digest = sha256(JSON.stringify(outcome));
    const attempt: History['feedback'][number] = { operation: 'feedback', id: event.id, digest };
    history.feedback.push(attempt);
    const reply = await request(server, 'POST', '/feedback', { inferenceId: event.id, outcome });
    if (reply.status !== 200) return tally('feedback', reply);
    attempt.acknowledgedAt = Date.now();
  };

  const uploadBy = (way: UploadAttempt['way']) => async () => {
    // As many small files as large ones: sizes are even on a logarithmic scale.
    const rows = Math.round(smallestRows * (largestRows / smallestRows) ** random());
    const model = tableModel(rows, Math.floor(random() * 2 ** 32));
    const attempt = uploadAttempt(way, `${label}-${way}-${serial++}`, model, Math.floor(random() * rows));
    history.uploads.push(attempt);
    const reply = await upload(server, attempt, model.bytes);
    if (reply.status !== 201) return tally(`upload ${way}`, reply);
    attempt.acknowledgedAt = Date.now();
  };

  const writers = [
    ...Array.from({ length: predictorsPerModel }).flatMap(() => [loop(askDigits), loop(askCandidate)]),
    ...ways.map((way) => loop(uploadBy(way))),
    loop(giveFeedback),
  ];
  const ended = Promise.all(writers);
  return {
    /** Starts nothing new from now on. */
    stop() {
      stopped = true;
    },
    /** Settles when the last open attempt has; rejects with the first mistake. */
    ended,
  };
}

function upload(server: RunningServer, { way, modelName, modelVersion }: UploadAttempt, bytes: Buffer): Promise<Reply> {
  if (way === 'multipart') return uploadForm(server, { modelName }, bytes);
  if (way === 'blob') return request(server, 'PUT', `/model/${modelName}/${modelVersion}/blob?framework=onnx`, bytes);
  const modelBlob = bytes.toString('base64');
  return request(server, 'POST', '/Model', { modelName, modelVersion, framework: 'onnx', modelBlob });
}

function uploadForm(server: RunningServer, fields: Readonly<Record<string, string>>, bytes: Buffer): Promise<Reply> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ modelVersion: 'v1', framework: 'onnx', ...fields }))
    form.set(name, value);
  form.set('file', new Blob([new Uint8Array(bytes)]), 'model.onnx');
  return request(server, 'POST', '/model/upload', form);
}

/** fetch says "fetch failed" or "terminated"; both are TypeErrors. A body cut short may also be no JSON. */
const isBroken = (error: unknown): boolean => error instanceof TypeError || error instanceof SyntaxError;
