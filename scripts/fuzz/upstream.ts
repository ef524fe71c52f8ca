import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A server that speaks as much of Ollama's protocol as the product asks for, always correctly: what is wrong in a fuzz
 * run is what callers send. Chat and generate say their question back, word by word.
 */
export async function startUpstream(): Promise<{ readonly host: string; close(): void }> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    response.setHeader('content-type', 'application/json');
    const answer = answers[request.url ?? ''];
    if (answer) await answer(text === '' ? {} : JSON.parse(text), response);
    else response.writeHead(404).end('{"error":"not found"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Asked = Readonly<Record<string, unknown>>;

const answers: Readonly<Record<string, (asked: Asked, response: ServerResponse) => void | Promise<void>>> = {
  '/api/version': (_asked, response) => void response.end('{"version":"0.0.0-fuzz"}'),
  '/api/tags': (_asked, response) => void response.end('{"models":[{"name":"fuzz:latest"}]}'),
  '/api/show': (_asked, response) => void response.end('{"details":{}}'),
  '/api/embed': ({ input }, response) =>
    void response.end(
      JSON.stringify({
        embeddings: [input].flat().map((text) => [String(text).length, 1, -1]),
        prompt_eval_count: 3,
      }),
    ),
  '/api/chat': ({ messages, stream }, response) => {
    const last = Array.isArray(messages) ? messages.at(-1) : undefined;
    return say(String(last?.content ?? ''), stream !== false, response, (content) => ({
      message: { role: 'assistant', content },
    }));
  },
  '/api/generate': ({ prompt, stream }, response) =>
    say(String(prompt ?? ''), stream !== false, response, (words) => ({ response: words })),
};

async function say(
  text: string,
  stream: boolean,
  response: ServerResponse,
  shape: (words: string) => object,
): Promise<void> {
  const words = text.slice(0, 200).split(/(?<= )/);
  const end = { done: true, done_reason: 'stop', prompt_eval_count: words.length, eval_count: words.length };
  if (stream) {
    response.setHeader('content-type', 'application/x-ndjson');
    for (const word of words) {
      response.write(`${JSON.stringify({ ...shape(word), done: false })}\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  response.end(`${JSON.stringify({ ...shape(stream ? '' : words.join('')), ...end })}\n`);
}
