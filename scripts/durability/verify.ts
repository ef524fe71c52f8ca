import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from './api.ts';
import {
  contentDigest,
  type FeedbackAttempt,
  type History,
  isAcknowledged,
  type PredictionAttempt,
  sha256,
  type UploadAttempt,
} from './history.ts';
import { standingIds } from './load.ts';
import { modelsFolder, type RunningServer } from './server.ts';

/** Something that was acknowledged and is not there, or that is there and not whole. */
export interface Loss {
  readonly operation: string;
  readonly id: string;
  readonly problem: string;
}

/** Checks a history against a server that was started again on the same data. */
export async function verify(server: RunningServer, { predictions, feedback, uploads }: History): Promise<Loss[]> {
  const losses: Loss[] = [];
  const check = async <T>(
    attempts: readonly T[],
    problemOf: (attempt: T) => Promise<string | undefined>,
    nameOf: (attempt: T) => Omit<Loss, 'problem'>,
  ) => {
    await forEach(attempts, 8, async (attempt) => {
      const problem = await problemOf(attempt).catch((error) => `could not be asked for: ${error}`);
      if (problem !== undefined) losses.push({ ...nameOf(attempt), problem });
    });
  };
  await check(
    predictions,
    (attempt) => (isAcknowledged(attempt) ? missingEvent(server, attempt) : halfMadeEvent(server, attempt)),
    ({ operation, id, requestId }) => ({ operation, id: id ?? `request ${requestId}` }),
  );
  await check(
    feedback,
    (attempt) => missingFeedback(server, attempt),
    ({ operation, id }) => ({ operation, id }),
  );
  await check(
    uploads,
    (attempt) => modelProblem(server, attempt),
    ({ operation, way, id }) => ({ operation: `${operation} ${way}`, id }),
  );
  return losses;
}

async function missingEvent(server: RunningServer, { id, digest }: PredictionAttempt): Promise<string | undefined> {
  const { status, json } = await request(server, 'GET', `/InferenceEvent/${id}`);
  if (status !== 200) return `the event was acknowledged and is answered ${status}`;
  const stored = contentDigest(JSON.parse(String(json.featuresIn)), JSON.parse(String(json.prediction)));
  return stored === digest ? undefined : 'the event has another content than was acknowledged';
}

/** Without an answer an event may be there or not, but never twice and never in part. */
async function halfMadeEvent(
  server: RunningServer,
  { requestId, features }: PredictionAttempt,
): Promise<string | undefined> {
  const { status, json } = await request(server, 'GET', `/monitoring/events?requestId=${requestId}`);
  if (status !== 200) return `its event could not be looked for: ${status}`;
  const events = json.events as { featuresIn: unknown; prediction: unknown; errorCode: unknown }[];
  if (events.length > 1) return `${events.length} events for one request`;
  const [event] = events;
  if (!event) return undefined;
  if (JSON.stringify(event.featuresIn) !== JSON.stringify(features))
    return 'an event with other features than were sent';
  return event.prediction === null && event.errorCode === null
    ? 'an event with neither prediction nor error'
    : undefined;
}

async function missingFeedback(server: RunningServer, attempt: FeedbackAttempt): Promise<string | undefined> {
  const { status, json } = await request(server, 'GET', `/InferenceEvent/${attempt.id}`);
  if (status !== 200) return `the event of the feedback is answered ${status}`;
  const isThere = json.actualOutcome !== null;
  if (!isThere) return isAcknowledged(attempt) ? 'the feedback was acknowledged and is not there' : undefined;
  const isWhole =
    sha256(JSON.stringify(JSON.parse(String(json.actualOutcome)))) === attempt.digest &&
    json.feedbackTimestamp !== null;
  return isWhole ? undefined : 'the feedback is there in part or with another outcome';
}

/** An acknowledged model must be there; one that is there must be whole and answer. */
async function modelProblem(server: RunningServer, attempt: UploadAttempt): Promise<string | undefined> {
  const { modelName, modelVersion, digest, size, probe } = attempt;
  const path = `/model/${modelName}/${modelVersion}`;
  const row = await request(server, 'GET', path);
  if (row.status === 404 && !isAcknowledged(attempt)) return undefined;
  if (row.status !== 200) return `its row is answered ${row.status}`;
  if (row.json.digest !== digest || row.json.blobSize !== size)
    return `its row says ${row.json.digest}, ${row.json.blobSize} bytes; sent were ${digest}, ${size} bytes`;
  const blob = await request(server, 'GET', `${path}/blob`);
  if (blob.status !== 200) return `its bytes are answered ${blob.status}`;
  if (sha256(blob.bytes) !== digest) return `its bytes are other ones: ${blob.bytes.length} of ${size}`;
  const answer = await request(server, 'POST', '/predict', { modelName, modelVersion, features: { row: [probe.row] } });
  if (answer.status !== 200) return `its prediction is answered ${answer.status} ${answer.json.code}`;
  const { values } = answer.json.prediction as { values: { data: readonly number[] } };
  return JSON.stringify(values.data) === JSON.stringify(probe.values)
    ? undefined
    : 'it answers other numbers than were uploaded';
}

/** Models that none of the histories tried to upload. */
export async function unknownModels(server: RunningServer, histories: readonly History[]): Promise<Loss[]> {
  const known = new Set([...histories.flatMap(({ uploads }) => uploads.map(({ id }) => id)), ...standingIds]);
  const listed: string[] = [];
  for (let cursor: unknown = ''; cursor !== undefined; ) {
    const { json } = await request(server, 'GET', `/model?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
    listed.push(...(json.models as { id: string }[]).map(({ id }) => id));
    cursor = json.nextCursor;
  }
  return listed
    .filter((id) => !known.has(id))
    .map((id) => ({ operation: 'list', id, problem: 'a model that nobody uploaded' }));
}

/** What a server that has just started must have cleared away. */
export async function leftovers(root: string): Promise<Loss[]> {
  const found = await Promise.all(
    ['incoming', 'making'].map(async (folder) => {
      const names = await readdir(join(modelsFolder(root), folder)).catch(() => []);
      return names.map((name) => ({
        operation: 'restart',
        id: `${folder}/${name}`,
        problem: 'a leftover of an interrupted upload',
      }));
    }),
  );
  return found.flat();
}

/** Packages on disk that no model row names: they cost space, but nobody can see them. */
export async function orphanPackages(server: RunningServer, root: string): Promise<string[]> {
  const { json } = await request(server, 'GET', '/model?limit=1000');
  const known = new Set((json.models as { digest: string }[]).map(({ digest }) => digest));
  const names = await readdir(join(modelsFolder(root), 'packages')).catch(() => []);
  return names.filter((name) => !known.has(name.slice(0, 64)));
}

async function forEach<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}
