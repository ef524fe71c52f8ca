import { describe, expect, it, onTestFinished } from 'vitest';
import { type PullOptions, pullModels } from '../../../scripts/ollama/pull.ts';
import { refusal } from '../../support/codes.ts';
import {
  hasTranscripts,
  inPieces,
  replay,
  serve,
  type TestOllama,
  type Transcript,
  transcript,
} from '../../support/ollama-replay.ts';

/** A recorded pull, as the answer to the pull of another name. */
const pullOf = (model: string, name: string): Transcript => {
  const each = transcript(name);
  return { ...each, request: { ...each.request, body: JSON.stringify({ model, stream: true }) } };
};

async function pulled(server: TestOllama, models: string[], more: Partial<PullOptions> = {}) {
  onTestFinished(() => server.close());
  const lines: string[] = [];
  const report = (line: string) => void lines.push(line);
  return { results: await pullModels({ host: server.url, models, report, ...more }), lines };
}

describe.skipIf(!hasTranscripts)('pulling', () => {
  it.each(['pull-ok-stream', 'pull-ok-again-stream'])('%s says what happens, each step once', async (name) => {
    const version = transcript('version-get');
    const recorded = await pulled(await replay([version, pullOf('tiny', name)]), ['tiny']);
    expect(recorded.results).toEqual([{ model: 'tiny', ok: true }]);
    expect(recorded.lines[0]).toBe('tiny:');
    expect(recorded.lines).toContain('  pulling manifest');
    expect(recorded.lines.some((line) => /pulling edcb17542c26 100 % of 1\.6 MB/.test(line))).toBe(true);
    expect(recorded.lines.at(-1)).toBe('  success');
    expect(recorded.lines.every((line, at) => line !== recorded.lines[at - 1])).toBe(true);
    const cut = await pulled(await replay([version, pullOf('tiny', name)], inPieces([3, 50, 1])), ['tiny']);
    expect(cut).toEqual(recorded);
  });

  it('names those that fail, with what the server says, and goes on', async () => {
    const server = await replay([
      transcript('version-get'),
      pullOf('nosuch', 'pull-missing-stream'),
      pullOf('not a model!', 'pull-invalid-name'),
      pullOf('tiny', 'pull-ok-stream'),
    ]);
    const { results } = await pulled(server, ['nosuch', 'not a model!', 'tiny']);
    expect(results).toEqual([
      { model: 'nosuch', ok: false, detail: 'pull model manifest: file does not exist' },
      { model: 'not a model!', ok: false, detail: expect.any(String) },
      { model: 'tiny', ok: true },
    ]);
  });
});

describe('a server that', () => {
  it('is not there is named, with what to do', async () => {
    const server = await serve(() => {});
    await server.close();
    const error = await refusal(() => pullModels({ host: server.url, models: ['a'], report: () => {} }));
    expect(error.message).toContain(server.url.host);
    expect(error.message).toContain('OLLAMA_HOST');
  });

  const answering = (pull: (outgoing: import('node:http').ServerResponse) => void) =>
    serve((_body, incoming, outgoing) => {
      if (incoming.url === '/api/version') return outgoing.end('{"version":"1"}');
      outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
      pull(outgoing);
    });

  it('falls silent is left', async () => {
    const server = await answering((outgoing) => outgoing.write('{"status":"pulling manifest"}\n'));
    const { results } = await pulled(server, ['a'], { patienceMs: 50 });
    expect(results).toEqual([{ model: 'a', ok: false, detail: expect.stringContaining('said nothing') }]);
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it('stops before success has not pulled', async () => {
    const server = await answering((outgoing) => outgoing.end('{"status":"verifying sha256 digest"}\n'));
    const { results } = await pulled(server, ['a']);
    expect(results).toEqual([{ model: 'a', ok: false, detail: expect.stringContaining('before it was done') }]);
  });
});
