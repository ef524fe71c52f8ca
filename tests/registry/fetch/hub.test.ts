import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { FinalError } from '../../../src/jobs/retry.ts';
import { listHubFiles, parseHubReference } from '../../../src/registry/fetch/hub.ts';
import { fileServer } from './file-server.ts';

const signal = new AbortController().signal;
const sha = 'b'.repeat(40);
const digest = 'c'.repeat(64);

describe('a reference to the hub', () => {
  it.each([
    ['owner/name', { repository: 'owner/name', revision: 'main' }],
    ['gpt2', { repository: 'gpt2', revision: 'main' }],
    ['owner/name.v1@refs/pr/1', { repository: 'owner/name.v1', revision: 'refs/pr/1' }],
  ])('%s is %j', (text, expected) => expect(parseHubReference(text)).toEqual(expected));

  it.each([
    '',
    '/name',
    'owner/',
    'a/b/c',
    'owner/../x',
    'owner/name@',
    'owner/name@../x',
    'https://x/y',
    'owner/name?x',
    'owner/na me',
    '.hidden/x',
  ])('%j is none', (text) => expect(parseHubReference(text)).toBeUndefined());
});

describe('a repository of the hub', () => {
  const list = async (answer: (response: ServerResponse) => void) => {
    const server = await fileServer((_request, response) => answer(response));
    const files = listHubFiles(
      `${server.origin}/`,
      { repository: 'o/n', revision: 'refs/pr/1' },
      { ...server, signal },
    );
    return { server, files };
  };

  it('is listed at one commit, with the digests of large files', async () => {
    const siblings = [
      { rfilename: 'config.json', size: 12 },
      { rfilename: 'onnx/a b#.onnx', size: 5, lfs: { sha256: digest, size: 500, pointerSize: 130 } },
      { rfilename: '../outside' },
      { rfilename: 'old.json' },
    ];
    const { server, files } = await list((response) =>
      response.end(JSON.stringify({ id: 'o/n', sha, siblings, more: 1 })),
    );
    expect((await files).map((file) => ({ ...file, url: file.url.href }))).toEqual([
      { path: 'config.json', url: `${server.origin}/o/n/resolve/${sha}/config.json`, size: 12, sha256: undefined },
      {
        path: 'onnx/a b#.onnx',
        url: `${server.origin}/o/n/resolve/${sha}/onnx/a%20b%23.onnx`,
        size: 500,
        sha256: digest,
      },
      { path: 'old.json', url: `${server.origin}/o/n/resolve/${sha}/old.json`, size: null, sha256: undefined },
    ]);
    expect(server.requests[0]?.url).toBe('/api/models/o/n/revision/refs%2Fpr%2F1?blobs=true');
  });

  it.each([
    ['is not there', 404, 'Repository not found', true],
    ['is private', 401, 'secret', true],
    ['is on a busy hub', 503, '', false],
    ['is no JSON', 200, '<html>', true],
    ['has no commit', 200, '{"siblings":[]}', true],
    [
      'names digests that are none',
      200,
      JSON.stringify({ sha, siblings: [{ rfilename: 'a', lfs: { sha256: 'x' } }] }),
      true,
    ],
  ])('that %s is told so', async (_case, status, text, isFinal) => {
    const { files } = await list((response) => response.writeHead(status).end(text));
    const error = await files.catch((cause) => cause);
    expect([error instanceof FinalError, (error.failure ?? error).code]).toEqual([isFinal, 'UPSTREAM_UNAVAILABLE']);
    expect(error.message).not.toContain('secret');
  });

  it('is not asked where the policy does not lead', async () => {
    const server = await fileServer((_request, response) => response.end());
    const files = listHubFiles('http://localhost:1', { repository: 'o/n', revision: 'main' }, { ...server, signal });
    await expect(files).rejects.toMatchObject({ code: 'URL_FORBIDDEN' });
    expect(server.requests).toEqual([]);
  });
});
