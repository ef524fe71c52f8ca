import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const project = join(import.meta.dirname, '..', '..');
export const adminPassword = 'a password for tests';

export interface TestServer {
  readonly url: string;
  readonly operationsUrl: string;
  readonly root: string;
  readonly child: ChildProcess;
  /** The id of the process that really serves the port. */
  readonly log: () => string;
  /** A client that speaks as a role; `undefined` is nobody. */
  as(role: 'admin' | 'trainer' | 'predictor' | 'viewer' | undefined): Client;
  user(name: string, role: string): Promise<Client>;
  /** SIGKILLs the whole process group, runners and all. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read replies as they come
  readonly body: any;
}

export interface Client {
  readonly authorization: string | undefined;
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface BootOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** An earlier server's folder, to start on its data. */
  readonly root?: string;
  readonly password?: string;
}

/** Starts the product as `npm start` does, on free ports and in a folder of its own. */
export async function bootServer({
  environment = {},
  root: given,
  password = adminPassword,
}: BootOptions = {}): Promise<TestServer> {
  const root = given ?? (await mkdtemp(join(tmpdir(), 'ai-ops-test-')));
  await mkdir(root, { recursive: true });
  const [port, operationsPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(project, 'dist', 'scripts', 'start.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a test can kill all of it at once.
    detached: true,
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: root,
      TMPDIR: tmpdir(),
      HTTP_PORT: String(port),
      OPERATIONS_PORT: String(operationsPort),
      AI_OPS_ROOT: join(root, 'data'),
      HDB_ADMIN_PASSWORD: password,
      ...environment,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (log += bytes));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const operationsUrl = `http://127.0.0.1:${operationsPort}`;
  const begin = Date.now();
  while (!log.includes('Ready on port')) {
    if (child.exitCode !== null || Date.now() - begin > 90_000) {
      killGroup(child);
      throw new Error(`the server did not start:\n${log.slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const admin = client(url, 'admin', password);
  const clients = new Map<string, Client>([['admin', admin]]);
  const user = async (name: string, role: string): Promise<Client> => {
    const secret = randomUUID();
    const reply = await fetch(operationsUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: admin.authorization ?? '' },
      body: JSON.stringify({ operation: 'add_user', role, username: name, password: secret, active: true }),
    });
    if (!reply.ok && reply.status !== 409) throw new Error(`add_user: ${reply.status} ${await reply.text()}`);
    return client(url, name, secret);
  };
  if (given === undefined) {
    for (const role of ['trainer', 'predictor', 'viewer']) clients.set(role, await user(`test-${role}`, role));
  }
  return {
    url,
    operationsUrl,
    root,
    child,
    log: () => log,
    user,
    as(role) {
      if (role === undefined) return client(url);
      const known = clients.get(role);
      if (!known) throw new Error(`no client for role ${role} on a restarted server`);
      return known;
    },
    async kill() {
      killGroup(child);
      await ended;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const force = setTimeout(() => killGroup(child), 15_000);
      await ended;
      clearTimeout(force);
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

export function client(url: string, username?: string, password?: string): Client {
  const authorization =
    username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const request: Client['request'] = async (method, path, body, headers = {}) => {
    const isJson =
      body !== undefined && !(body instanceof FormData) && !(body instanceof Uint8Array) && typeof body !== 'string';
    const reply = await fetch(url + path, {
      method,
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(isJson && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as BodyInit) }),
    });
    const bytes = Buffer.from(await reply.arrayBuffer());
    const type = reply.headers.get('content-type') ?? '';
    const parsed = /[/+]json\b/.test(type) && bytes.length > 0 ? JSON.parse(bytes.toString()) : bytes;
    return { status: reply.status, headers: reply.headers, body: parsed };
  };
  return {
    authorization,
    request,
    get: (path, headers) => request('GET', path, undefined, headers),
    post: (path, body, headers) => request('POST', path, body, headers),
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** A multipart form for `POST /model/upload`. */
export function uploadForm(fields: Readonly<Record<string, string>>, bytes: Uint8Array): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', new Blob([bytes as BlobPart]), 'model.bin');
  return form;
}
