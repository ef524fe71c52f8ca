import { Agent } from 'node:http';
import { chanceOf } from './chance.ts';
import { wrongsOf } from './invariants.ts';
import type { Known } from './known.ts';
import { operationsOf } from './operations.ts';
import { rawRequestOf } from './raw-requests.ts';
import { type Asker, type FuzzRequest, requestOf, type Source } from './requests.ts';
import { type Seen, send, type Unanswered } from './send.ts';
import { sendRaw, wrongsOfRaw } from './send-raw.ts';
import { shrink } from './shrink.ts';

export interface Target {
  readonly url: string;
  /** Values of the Authorization header; the admin's is needed, askers without one are left out. */
  readonly logins: Readonly<Partial<Record<Asker, string>>>;
  readonly known: Known;
  /** Texts that no answer may hold. */
  readonly secrets: readonly string[];
}

export interface Options {
  readonly requests: number;
  readonly seed: number;
  /** Sends this request alone. */
  readonly only?: number;
  readonly concurrency?: number;
  readonly onProgress?: (sent: number) => void;
}

/** A fault, with the first request that showed it and the smallest one that still does. */
export interface Finding {
  readonly wrong: string;
  readonly where: string;
  readonly index: number;
  times: number;
  reproduction: string;
  answer: string;
}

export interface Report {
  readonly seed: number;
  readonly requests: number;
  readonly seconds: number;
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly codes: Readonly<Record<string, number>>;
  /** Anonymous memory of the server, at a tenth of the run and at its end. */
  readonly memoryBytes: { readonly early: number; readonly end: number };
  readonly findings: readonly Finding[];
}

const rawShare = 0.03;
const memoryAllowance = 300 * 2 ** 20;

/** Sends requests made from the server's own description and checks every answer. */
export async function fuzz(target: Target, options: Options): Promise<Report> {
  const { url, logins, known, secrets } = target;
  const { requests, seed, only, concurrency = 8, onProgress } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency + 2 });
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const askers: Asker[] = [
    'nobody',
    ...(['viewer', 'predictor', 'trainer', 'admin'] as const).filter((role) => logins[role]),
  ];
  const source: Source = { seed, operations: operationsOf(document as never), askers, known };
  const findings = new Map<string, Finding & { request?: FuzzRequest }>();
  const statuses: Record<string, number> = {};
  const codes: Record<string, number> = {};
  const begin = performance.now();

  const note = (wrong: string, where: string, index: number, answer: string, request?: FuzzRequest, raw = '') => {
    const key = `${wrong} @ ${where}`;
    const known = findings.get(key);
    if (known) known.times++;
    else findings.set(key, { wrong, where, index, times: 1, reproduction: raw, answer, ...(request && { request }) });
  };
  const ask = (request: FuzzRequest) => send(url, request, logins[request.asker], agent);
  const sendOne = async (index: number) => {
    const chance = chanceOf(~seed, index);
    if (chance.happens(rawShare)) {
      const raw = rawRequestOf(chance);
      const answered = await sendRaw(url, raw);
      for (const wrong of wrongsOfRaw(answered))
        note(
          wrong,
          `raw: ${raw.name}`,
          index,
          answered.text.slice(0, 400),
          undefined,
          JSON.stringify(raw.pieces.map(String)).slice(0, 400),
        );
      return;
    }
    const request = requestOf(source, index);
    const answer = await ask(request);
    const status = 'failure' in answer ? 'none' : String(answer.status);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const code = codeIn(answer);
    if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
    const place = request.operation ? `${request.method} ${request.operation.path}` : `${request.method} elsewhere`;
    for (const wrong of wrongsOf(request, answer, secrets)) note(wrong, place, index, shown(answer), request);
  };

  const memory = { early: 0, end: 0 };
  const last = only === undefined ? requests : only + 1;
  let next = only ?? 0;
  const worker = async () => {
    while (next < last) {
      const index = next++;
      if (index === Math.ceil(requests / 10)) memory.early = await memoryOf(target);
      await sendOne(index);
      onProgress?.(index + 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  memory.end = await memoryOf(target);
  if (only === undefined && memory.end - memory.early > memoryAllowance)
    note(`memory grew from ${mebibytes(memory.early)} to ${mebibytes(memory.end)} MB`, 'the whole run', last, '');
  for (const finding of findings.values()) {
    if (!finding.request) continue;
    const isWrong = async (candidate: FuzzRequest) =>
      wrongsOf(candidate, await ask(candidate), secrets).includes(finding.wrong);
    const smallest = await shrink(finding.request, isWrong);
    finding.reproduction = curl(url, smallest);
    delete finding.request;
  }
  agent.destroy();
  const seconds = (performance.now() - begin) / 1000;
  return { seed, requests: last, seconds, statuses, codes, memoryBytes: memory, findings: [...findings.values()] };
}

/** The server must still answer, and says what memory it holds. */
async function memoryOf({ url, logins }: Target): Promise<number> {
  const reply = await fetch(`${url}/status`, { headers: { authorization: logins.admin ?? '' } });
  if (!reply.ok) throw new Error(`GET /status was answered ${reply.status} in the middle of the run`);
  const { memory } = (await reply.json()) as { memory: { rssAnonBytes: number } };
  return memory.rssAnonBytes;
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

function codeIn(answer: Seen | Unanswered): string | undefined {
  if ('failure' in answer || answer.status < 400) return undefined;
  return /"code":"([A-Z_]+)"/.exec(answer.body.toString('latin1'))?.[1];
}

const shown = (answer: Seen | Unanswered): string =>
  'failure' in answer ? answer.failure : `${answer.status} ${answer.body.toString().slice(0, 400)}`;

/** A request as a command, as far as a shell can hold it. */
function curl(url: string, { asker, method, target, headers, body, chunked }: FuzzRequest): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
  if (chunked) lines.push('transfer-encoding: chunked');
  const text = body?.toString('latin1') ?? '';
  const isPlain = /^[\x20-\x7e\n]*$/.test(text) && text.length <= 2_000;
  const data =
    body &&
    (isPlain
      ? `--data-raw ${quoted(text)}`
      : `--data-binary @- <<< (base64 of ${body.length} bytes) ${body.subarray(0, 300).toString('base64')}`);
  const parts = [
    `curl -g --path-as-is -X ${method} ${quoted(url + target)}`,
    ...lines.map((line) => `-H ${quoted(line)}`),
    data,
  ];
  return `${parts.filter(Boolean).join(' ')}   # as ${asker}`;
}
