import type { Answer, Ask } from './client.ts';
import { type ModelLedger, rows, type VersionLedger } from './ledger.ts';

/** Something that must not have happened. */
export type Note = (wrong: string, example: string) => void;

export interface Tally {
  readonly note: Note;
  /** Counts what was answered, by kind of question. */
  readonly count: (kind: string, answer: Answer) => void;
  /** Milliseconds by which an answer was behind the last change that was answered before it was asked. */
  readonly late: (ms: number) => void;
}

/** Changes are told to all threads of the node, but not in the same instant. */
const toldAfterMs = 250;

/** The answers by which a server may say that it has too much to do. */
const isBusy = ({ status, retryAfter }: Answer): boolean =>
  (status === 429 || status === 503) && retryAfter !== undefined;

const shown = ({ status, body }: Answer): string => `${status} ${JSON.stringify(body).slice(0, 300)}`;

function isExcused(kind: string, answer: Answer, { note }: Tally): boolean {
  if (answer.status >= 500 && !isBusy(answer)) {
    note(`${kind} was answered ${answer.status} ${answer.code}`, shown(answer));
    return true;
  }
  if (answer.code === 'MODEL_UNAVAILABLE') note(`${kind}: a model that is stored could not be had`, shown(answer));
  return isBusy(answer);
}

/** Asks a named version for one of its rows. */
export async function predictVersion(ask: Ask, version: VersionLedger, row: number, tally: Tally): Promise<void> {
  const { modelName, modelVersion } = version;
  const before = version.look();
  const answer = await ask('POST', '/predict', { modelName, modelVersion, features: { row: [row] } });
  tally.count('predict', answer);
  if (isExcused('predict', answer, tally)) return;
  const presence = version.since(before);
  const what = `${modelName}:${modelVersion}, settled for ${Math.round(before.settledMs)} ms`;
  if (answer.status === 200) {
    checkValues(version, row, answer, tally);
    if (presence === 'gone') tooLate(`a deleted version answered`, what, before.settledMs, tally);
  } else if (answer.status === 404) {
    if (presence === 'there') tooLate('a version that is there was not found', what, before.settledMs, tally);
  } else tally.note(`predict was answered ${answer.status} ${answer.code}`, `${what}: ${shown(answer)}`);
}

/** Asks a model without a version: the one in production answers, else the newest. */
export async function predictModel(ask: Ask, model: ModelLedger, row: number, tally: Tally): Promise<void> {
  const { modelName, versions } = model;
  const before = versions.map((version) => version.look());
  const answer = await ask('POST', '/predict', { modelName, features: { row: [row] } });
  tally.count('predict unversioned', answer);
  if (isExcused('predict', answer, tally)) return;
  const presences = versions.map((version, index) => version.since(before[index] as (typeof before)[number]));
  const settledMs = Math.min(...before.map((sight) => sight.settledMs));
  if (answer.status === 404) {
    if (presences.includes('there'))
      tooLate(
        'a model that is there was not found',
        `${modelName}, ${presences.join()}: ${shown(answer)}`,
        settledMs,
        tally,
      );
    return;
  }
  if (answer.status !== 200) {
    tally.note(`predict was answered ${answer.status} ${answer.code}`, `${modelName}: ${shown(answer)}`);
    return;
  }
  const index = versions.findIndex(({ modelVersion }) => modelVersion === answer.body.modelVersion);
  const answered = versions[index];
  if (!answered) return tally.note('predict answered a version nobody registered', shown(answer));
  checkValues(answered, row, answer, tally);
  if (presences[index] === 'gone') tooLate('a deleted version answered', modelName, settledMs, tally);
  const newest = presences.includes('unknown') ? undefined : newestOf(versions, presences);
  if (newest && newest !== answered) {
    const what = `${modelName}: expected ${newest.modelVersion}, came ${answered.modelVersion}`;
    tooLate('an older version answered', what, settledMs, tally);
  }
}

function newestOf(versions: readonly VersionLedger[], presences: readonly string[]): VersionLedger | undefined {
  const there = versions.filter((_, index) => presences[index] === 'there');
  return there.find((one) =>
    there.every(
      (other) => other === one || (one.registered && other.registered && one.registered.began > other.registered.ended),
    ),
  );
}

function tooLate(wrong: string, what: string, settledMs: number, { note, late }: Tally): void {
  late(settledMs);
  if (settledMs > toldAfterMs) note(wrong, what);
}

function checkValues(version: VersionLedger, row: number, answer: Answer, { note }: Tally): void {
  const { modelName, modelVersion } = version;
  const prediction = answer.body.prediction as { values?: { data?: readonly number[] } } | undefined;
  const data = prediction?.values?.data ?? [];
  const expected = version.row(row);
  const isRight = data.length === expected.length && expected.every((value, index) => value === data[index]);
  if (!isRight) note('a wrong answer', `${modelName}:${modelVersion} row ${row}: ${shown(answer)}`);
  if (answer.body.modelName !== modelName) note('an answer names another model', shown(answer));
}

/** Loads a version anew: it leaves the cache while others may be using it. */
export async function reload(ask: Ask, version: VersionLedger, tally: Tally): Promise<void> {
  const { modelName, modelVersion } = version;
  const before = version.look();
  const answer = await ask('POST', `/model/${modelName}/${modelVersion}/reload`);
  tally.count('reload', answer);
  if (isExcused('reload', answer, tally) || answer.status === 200) return;
  const wrong = answer.status !== 404 || version.since(before) === 'there';
  if (wrong) tally.note(`reload was answered ${answer.status} ${answer.code}`, `${modelName}: ${shown(answer)}`);
}

export function remove(ask: Ask, version: VersionLedger, inProduction: boolean, tally: Tally): Promise<void> {
  const { modelName, modelVersion } = version;
  return version.change(async () => {
    const answer = await ask('DELETE', `/model/${modelName}/${modelVersion}`);
    tally.count('delete', answer);
    if (answer.status === 204 || answer.status === 404) return { presence: 'gone' };
    if (answer.status === 409 && inProduction) return { presence: 'there' };
    if (!isExcused('delete', answer, tally)) tally.note(`delete was answered ${answer.status}`, shown(answer));
    return { presence: 'unknown' };
  });
}

/** Registers a version with the bytes it always had. */
export function register(ask: Ask, version: VersionLedger, inProduction: boolean, tally: Tally): Promise<void> {
  return version.change(async () => {
    const answer = await upload(ask, version, version.bytes(), inProduction);
    tally.count('register', answer);
    if (answer.status === 201) return { presence: 'there', isNew: true };
    if (answer.status === 200) return { presence: 'there' };
    if (!isExcused('register', answer, tally)) tally.note(`register was answered ${answer.status}`, shown(answer));
    return { presence: 'unknown' };
  });
}

/** Tries to give a version that has had bytes other ones. */
export async function registerOther(ask: Ask, version: VersionLedger, tally: Tally): Promise<void> {
  if (!version.registered) return;
  const answer = await upload(ask, version, version.otherBytes(), false);
  tally.count('register other bytes', answer);
  if (answer.code === 'VERSION_IMMUTABLE' || isExcused('register', answer, tally)) return;
  tally.note(`other bytes were answered ${answer.status}`, shown(answer));
}

function upload(ask: Ask, { modelName, modelVersion }: VersionLedger, bytes: Buffer, inProduction: boolean) {
  return ask('POST', '/Model', {
    modelName,
    modelVersion,
    framework: 'onnx',
    stage: inProduction ? 'production' : 'candidate',
    modelBlob: bytes.toString('base64'),
  });
}

export const anyRow = (random: () => number): number => Math.floor(random() * rows);
