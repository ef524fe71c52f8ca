import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { type ErrorCode, errorKinds } from '../../src/errors.ts';
import { statusOf } from '../../src/resources/edge/respond.ts';
import type { FuzzRequest } from './requests.ts';
import type { Seen, Unanswered } from './send.ts';

const mayBeBusy = new Set([503, 507]);
/** HTTP's own answers, which say all there is to say in their headers. */
const withoutDocument = new Set([416]);

/** What no answer may hold: stacks, places on the machine, and words of what runs below. */
const native =
  /\bat \S+ \(?\S+:\d+:\d+|node_modules|node:internal|\/src\/[\w/-]+\.[jt]s|\/dist\/|onnxruntime::|Non-zero status code|lmdb|MDB_|hdb_|harper-config|\bENOENT\b|\bEACCES\b|\bENOSPC\b|is not a function|Cannot read properties|undefined \(reading/i;

/**
 * What is wrong with an answer, in words that do not depend on the request's values.
 *
 * @param secrets  texts that no body may hold.
 */
export function wrongsOf(request: FuzzRequest, answer: Seen | Unanswered, secrets: readonly string[]): string[] {
  if ('failure' in answer) return [`no answer: ${answer.failure}`];
  const { status, headers } = answer;
  // Node itself refuses so many headers, and closes the connection, before there is a request.
  if (status === 431 && headers.connection === 'close') return [];
  const wrongs: string[] = [];
  const expect = (isRight: unknown, wrong: string) => void (isRight || wrongs.push(wrong));
  const text = isBytes(headers) ? '' : textOf(answer);
  if (text === undefined) return ['the body does not decode as its content-encoding says'];
  if (status >= 500) {
    expect(mayBeBusy.has(status), `status ${status} (${codeOf(text)})`);
    expect(headers['retry-after'] !== undefined || !mayBeBusy.has(status), `${status} without retry-after`);
  }
  expect(headers['x-request-id'], 'no x-request-id');
  expect(headers['x-content-type-options'] === 'nosniff', 'no nosniff');
  const { operation, method, asker } = request;
  // A login that fails is told so everywhere; 405 is for verbs that are not described.
  if (operation && ![304, 401, 405, 416].includes(status))
    expect(operation.statuses.has(status), `status ${status} is not in the description`);
  if (asker === 'nobody' && operation && !operation.isPublic)
    // Many failed logins from one address are told to wait.
    expect([400, 401, 429].includes(status), `nobody is answered ${status}`);
  const leak = native.exec(text)?.[0];
  expect(!leak || echoes(request, leak), `the body holds "${leak}"`);
  expect(!secrets.some((secret) => text.includes(secret)), 'the body holds a path or a secret of the server');
  if (method === 'HEAD') return wrongs;
  if (status >= 400 && !withoutDocument.has(status)) wrongs.push(...wrongsOfProblem(answer, text));
  else if (headers['content-type'] === 'application/json') expect(parsed(text) !== undefined, 'the body is not JSON');
  return wrongs;
}

function wrongsOfProblem({ status, headers }: Seen, text: string): string[] {
  const document = parsed(text) as Readonly<Record<string, unknown>> | undefined;
  if (headers['content-type'] !== 'application/problem+json' || !document)
    return [`status ${status} as ${headers['content-type']}, not application/problem+json`];
  const { code, requestId } = document;
  const kind = Object.hasOwn(errorKinds, String(code)) ? errorKinds[code as ErrorCode] : undefined;
  const wrongs: string[] = [];
  if (!kind) wrongs.push(`the code ${code} is not one of ours`);
  else if (statusOf[kind] !== status) wrongs.push(`the code ${code} does not fit status ${status}`);
  if (document.status !== status) wrongs.push('the document names another status');
  if (requestId !== headers['x-request-id']) wrongs.push('the document names another request');
  for (const field of ['type', 'title', 'detail'])
    if (typeof document[field] !== 'string' || document[field] === '') wrongs.push(`the document has no ${field}`);
  if ([429, 503, 507].includes(status) && !headers['retry-after']) wrongs.push(`${status} without retry-after`);
  if (status === 401 && !headers['www-authenticate']) wrongs.push('401 without www-authenticate');
  if (status === 405 && !headers.allow) wrongs.push('405 without allow');
  return wrongs;
}

const isBytes = (headers: Seen['headers']): boolean => headers['content-type'] === 'application/octet-stream';

function textOf({ headers, body }: Seen): string | undefined {
  try {
    const encoding = headers['content-encoding'];
    const decode = { gzip: gunzipSync, br: brotliDecompressSync, deflate: inflateSync }[encoding ?? ''];
    if (body.length === 0 || !decode) return body.toString();
    return decode(body).toString();
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const codeOf = (text: string): string => String((parsed(text) as { code?: unknown } | undefined)?.code ?? 'no code');

/** Whether the request itself brought the words. */
const echoes = ({ target, body }: FuzzRequest, words: string): boolean =>
  target.includes(words) || (body?.includes(words) ?? false);
