import { type Chance, chanceOf } from './chance.ts';
import { spoiltBytes, uploadForm } from './forms.ts';
import { type Headers, spoilHeaders } from './headers.ts';
import { binaryBody, heavyBodies, mutatedText, strangeBodies } from './json-texts.ts';
import { fittingValue, mutatedValue } from './json-values.ts';
import { fittingBody, type Known, namesakeOf } from './known.ts';
import { csvBody, ndjsonBody } from './many-bodies.ts';
import type { Operation } from './operations.ts';
import { pathOf, queryOf, twistedPath } from './targets.ts';

export type Asker = 'nobody' | 'viewer' | 'predictor' | 'trainer' | 'admin';

/** A request that is well-formed as HTTP, whatever it holds. */
export interface FuzzRequest {
  /** Whose login is sent; nobody also when the login was spoilt. */
  readonly asker: Asker;
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly body: Buffer | undefined;
  /** Sent without a length. */
  readonly chunked: boolean;
  /** The operation asked for, when verb and path are its own. */
  readonly operation: Operation | undefined;
}

export interface Source {
  readonly seed: number;
  readonly operations: readonly Operation[];
  readonly askers: readonly Asker[];
  readonly known: Known;
}

const verbs = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY', 'TRACE'];
const streamAccepts = ['text/event-stream', 'application/x-ndjson', 'application/json, text/event-stream'];
/** Bodies of megabytes, once in so many. */
const heavyShare = 1 / 1_000;

/** The request of a number; the same for the same source. */
export function requestOf({ seed, operations, askers, known }: Source, index: number): FuzzRequest {
  const chance = chanceOf(seed, index);
  const operation = chance.one(chance.happens(0.5) ? readersOf(operations) : operations);
  const asker = chance.happens(0.15) ? chance.one(askers) : (askers.at(-1) as Asker);
  // A third of all requests are as they should be but for one place.
  const oddity = chance.one([0, 0.15, 0.4]);
  const isTwisted = chance.happens(0.08);
  const method = chance.happens(0.06) ? chance.one(verbs) : operation.method;
  const plain = pathOf({ ...operation, method }, oddity, known, chance);
  const path = isTwisted ? twistedPath(plain.path, chance) : plain.path;
  const target = path + queryOf(operation, oddity, known, chance);
  const given = bodyOf(operation, chance, known);
  const headers: Headers = given?.type !== undefined ? { 'content-type': given.type } : {};
  if (path.endsWith('/predict') && chance.happens(0.1)) headers.accept = chance.one(streamAccepts);
  const isSpoilt = chance.happens(0.3) && spoilHeaders(headers, given !== undefined, chance);
  const isOwn = !isTwisted && !plain.isOdd && method === operation.method;
  return {
    asker: isSpoilt ? 'nobody' : asker,
    method,
    target: target.replace(/[^\u0021-\u00ff]/g, (symbol) => encodeURIComponent(symbol)),
    headers,
    body: given?.bytes,
    chunked: given !== undefined && chance.happens(0.1),
    operation: isOwn ? operation : undefined,
  };
}

/** Half of all requests go to where bodies are read, to models most of all; the rest is spread evenly. */
function readersOf(operations: readonly Operation[]): readonly Operation[] {
  const readers = operations.filter(({ contentTypes }) => contentTypes.length > 0);
  const predict = readers.filter(({ path }) => path === '/predict');
  return [...readers, ...predict, ...predict, ...predict, ...predict];
}

interface GivenBody {
  readonly type: string | undefined;
  readonly bytes: Buffer;
}

function bodyOf(operation: Operation, chance: Chance, known: Known): GivenBody | undefined {
  const { contentTypes, schema, example, path } = operation;
  const takesNone = contentTypes.length === 0;
  if (takesNone && !chance.happens(0.05)) return undefined;
  if (takesNone) return chance.one(bodiesOfActions);
  if (chance.happens(0.02)) return chance.happens(0.5) ? undefined : chance.one(bodiesOfActions);
  if (contentTypes.includes('multipart/form-data')) return uploadForm(known, chance);
  if (contentTypes.includes('application/octet-stream'))
    return { type: 'application/octet-stream', bytes: spoiltBytes(known.modelBytes, chance) };
  const type = 'application/json';
  if (chance.happens(heavyShare)) return { type, bytes: chance.one(heavyBodies)() };
  const makeFitting = () =>
    example !== undefined && chance.happens(0.7)
      ? fittingBody(path, example, known, chance)
      : fittingValue(schema ?? {}, chance, namesakeOf(known));
  if (contentTypes.includes('application/x-ndjson') && chance.happens(0.2)) return ndjsonBody(makeFitting, chance);
  if (contentTypes.includes('text/csv') && chance.happens(0.2)) return csvBody(known.eventIds, chance);
  const fitting = makeFitting();
  switch (chance.below(10)) {
    case 0:
    case 1:
      return { type, bytes: Buffer.from(JSON.stringify(fitting) ?? '') };
    case 2:
      return { type, bytes: chance.one(strangeBodies)() };
    case 3:
      return binaryBody(fitting, chance);
    case 4:
    case 5:
      return { type, bytes: mutatedText(JSON.stringify(fitting) ?? '', chance) };
    case 6:
      return { type, bytes: jsonOf(mutatedValue(mutatedValue(fitting, chance), chance)) };
    default:
      return { type, bytes: jsonOf(mutatedValue(fitting, chance)) };
  }
}

/** What clients send where nothing is asked for: nothing with a type, something without one. */
const bodiesOfActions: readonly GivenBody[] = [
  { type: 'application/json', bytes: Buffer.alloc(0) },
  { type: undefined, bytes: Buffer.alloc(0) },
  { type: 'application/json', bytes: Buffer.from('{}') },
  { type: undefined, bytes: Buffer.from('{}') },
  { type: 'application/json', bytes: Buffer.from('{"reason":"fuzz"}') },
  { type: 'application/json', bytes: Buffer.from('{"surprise":1}') },
  { type: 'application/json', bytes: Buffer.from('{') },
  { type: 'text/plain', bytes: Buffer.from('reason') },
  { type: 'application/x-www-form-urlencoded', bytes: Buffer.from('reason=fuzz') },
];

const jsonOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? '');
