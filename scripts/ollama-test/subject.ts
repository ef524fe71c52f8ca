import type { RunningServer } from '../durability/server.ts';
import type { Answer, Piece, Subject } from './checks.ts';

/** Registers the models of the checks, and says how to ask them. */
export async function subjectOf(
  { url, authorization }: RunningServer,
  { host, model }: { readonly host: string; readonly model: string },
): Promise<Subject> {
  const headers = { authorization, 'content-type': 'application/json' };
  const post = async (path: string, body: unknown): Promise<Answer> => {
    const reply = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: reply.status, body: await reply.json() };
  };
  const models = [
    ['chat', model, 'chat'],
    ['generate', model, 'generate'],
    ['embed', model, 'embeddings'],
    ['missing', 'no-such-model', 'generate'],
  ] as const;
  for (const [modelName, name, mode] of models) {
    const modelBlob = JSON.stringify({ modelName: name, mode });
    const { status, body } = await post('/model', { modelName, modelVersion: 'v1', framework: 'ollama', modelBlob });
    if (status !== 201) throw new Error(`registering ${modelName} was answered ${status}: ${JSON.stringify(body)}`);
  }
  return {
    post,
    async get(path) {
      const reply = await fetch(url + path, { headers });
      return { status: reply.status, body: await reply.json() };
    },
    async stream(body, leaveAfter = Number.POSITIVE_INFINITY) {
      const leaving = new AbortController();
      const reply = await fetch(`${url}/predict`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: leaving.signal,
      });
      if (!reply.ok || !reply.body) throw new Error(`the stream was answered ${reply.status}: ${await reply.text()}`);
      const pieces: Piece[] = [];
      let rest = '';
      for await (const text of reply.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) pieces.push(JSON.parse(line) as Piece);
        if (pieces.length >= leaveAfter) break;
      }
      leaving.abort();
      return pieces;
    },
    ollamaHost: host.includes('://') ? host.replace(/\/$/, '') : `http://${host}`,
    ollamaModel: model,
  };
}
