import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, wholeNumbers } from './command-line.ts';
import { startServer } from './durability/server.ts';
import { addUsers } from './fuzz/logins.ts';
import { prepare } from './fuzz/prepare.ts';
import { fuzz, type Report, type Target } from './fuzz/run.ts';
import { startUpstream } from './fuzz/upstream.ts';
import { projectRoot } from './harper/project-root.ts';

const help = `Sends requests that are wrong in all the ways the seed decides, made from the server's own GET /openapi.json, and
checks every answer: no 5xx, no broken connection, every error a problem document with one of our codes, nothing in
it of what runs below.

Usage: npm run fuzz -- [options]

  --requests        how many, default 50000
  --seed            decides every request, default 1
  --only            sends this one request of the seed alone
  --url             a server to ask, default one of its own; ask no server whose data matters: models come and go
  --user            administrator of --url, default HDB_ADMIN_USERNAME or admin
  --password        default HDB_ADMIN_PASSWORD (a variable does not show in the process list)
  --operations-url  operations API of --url, to add a user of every role; without it nobody and the administrator ask
  --json            the report as JSON
  --help            this text

Exit code: 0 when every answer was as it should be, 1 when one was not, 2 when the run could not start or go on.`;

const options = {
  requests: { type: 'string', default: '50000' },
  seed: { type: 'string', default: '1' },
  only: { type: 'string' },
  url: { type: 'string' },
  user: { type: 'string', default: process.env.HDB_ADMIN_USERNAME ?? 'admin' },
  password: { type: 'string', default: process.env.HDB_ADMIN_PASSWORD ?? '' },
  'operations-url': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  const { requests } = wholeNumbers({ requests: values.requests });
  const { seed, only } = wholeNumbers({ seed: values.seed, only: values.only ?? '0' }, 0);
  const run = async (target: Target) => {
    const onProgress = (sent: number) => {
      if (!values.json && sent % 5_000 === 0) console.log(`${sent} of ${requests} sent`);
    };
    const report = await fuzz(target, { requests, seed, onProgress, ...(values.only !== undefined && { only }) });
    console.log(values.json ? JSON.stringify(report, null, 2) : describe(report));
    return report.findings.length === 0 ? 0 : 1;
  };
  if (values.url === undefined) return onOwnServer(run);
  const authorization = `Basic ${Buffer.from(`${values.user}:${values.password}`).toString('base64')}`;
  return run(await targetOf({ url: values.url, authorization, operationsUrl: values['operations-url'], secrets: [] }));
});

async function onOwnServer(run: (target: Target) => Promise<number>): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-fuzz-'));
  const upstream = await startUpstream();
  try {
    const server = await startServer(root, undefined, { OLLAMA_HOST: upstream.host });
    try {
      return await run(await targetOf({ ...server, secrets: [root, projectRoot], hasUpstream: true }));
    } finally {
      await server.kill();
    }
  } finally {
    upstream.close();
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Server {
  readonly url: string;
  readonly authorization: string;
  readonly operationsUrl: string | undefined;
  readonly secrets: readonly string[];
  readonly hasUpstream?: boolean;
}

async function targetOf({ url, authorization, operationsUrl, secrets, hasUpstream }: Server): Promise<Target> {
  const admin = { url, authorization };
  const users = operationsUrl === undefined ? undefined : await addUsers(operationsUrl, authorization);
  const known = await prepare(admin, users && { url, authorization: users.predictor }, hasUpstream);
  return { url, logins: { ...users, admin: authorization }, known, secrets };
}

function describe({ seed, requests, seconds, statuses, codes, memoryBytes, findings }: Report): string {
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return [
    `seed ${seed}: ${requests} requests in ${seconds.toFixed(0)} s (${Math.round(requests / seconds)}/s)`,
    `statuses  ${counts(statuses)}`,
    `codes     ${counts(codes)}`,
    `memory    ${Math.round(memoryBytes.early / 2 ** 20)} MB early, ${Math.round(memoryBytes.end / 2 ** 20)} MB at the end`,
    `findings  ${findings.length}`,
    ...findings.map(({ wrong, where, index, times, reproduction, answer }) =>
      [
        `\n- ${wrong}\n  ${where}, ${times} times, first --seed ${seed} --only ${index}`,
        `  ${reproduction}`,
        `  answered: ${answer}`,
      ].join('\n'),
    ),
  ].join('\n');
}
