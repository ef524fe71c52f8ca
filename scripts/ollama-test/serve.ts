import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { LlamaModel, type LlamaModule } from './llama-model.ts';

// A small server that speaks Ollama's routes over a real model: node serve.js <node-llama-cpp> <model.gguf> <its name>
// It says its port on the standard output once the model is loaded.

const [, , modulePath = '', modelPath = '', name = ''] = process.argv;
const module = (await import(pathToFileURL(modulePath).href)) as LlamaModule;
const model = await LlamaModel.load(module, modelPath);

interface Question {
  readonly model?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly prompt?: string;
  readonly input?: string | readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly format?: unknown;
  readonly stream?: boolean;
}

const server = createServer((incoming, outgoing) => {
  void answer(incoming, outgoing).catch((error: unknown) => {
    if (outgoing.headersSent) outgoing.end(`${JSON.stringify({ error: String(error) })}\n`);
    else sendJson(outgoing, 500, { error: String(error) });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));
// Ends with the one who started it.
process.stdin.resume().once('end', () => process.exit(0));

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const route = `${incoming.method} ${incoming.url}`;
  if (route === 'GET /api/version') return sendJson(outgoing, 200, { version: '0.24.0' });
  if (route === 'GET /api/tags') return sendJson(outgoing, 200, { models: [{ name: `${name}:latest`, model: name }] });
  if (!['POST /api/chat', 'POST /api/generate', 'POST /api/embed'].includes(route)) {
    return void outgoing.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
  }
  const question = await readJson(incoming);
  const asked = question.model?.replace(/:latest$/, '');
  if (asked !== name) return sendJson(outgoing, 404, { error: `model '${question.model}' not found` });
  if (route === 'POST /api/embed') return embed(question, outgoing);
  return generate(question, route === 'POST /api/chat', outgoing);
}

async function embed({ model: asked, input = [] }: Question, outgoing: ServerResponse): Promise<void> {
  const { vectors, tokens } = await model.embed(typeof input === 'string' ? [input] : input);
  sendJson(outgoing, 200, { model: asked, embeddings: vectors, prompt_eval_count: tokens });
}

async function generate(question: Question, isChat: boolean, outgoing: ServerResponse): Promise<void> {
  const { messages = [], prompt = '', options = {}, format, stream = true } = question;
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const part = (text: string, more: object) => ({
    model: question.model,
    created_at: new Date().toISOString(),
    ...(isChat ? { message: { role: 'assistant', content: text } } : { response: text }),
    ...more,
  });
  let whole = '';
  const onText = (text: string) => {
    whole += text;
    if (!stream) return;
    if (!outgoing.headersSent) outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
    outgoing.write(`${JSON.stringify(part(text, { done: false }))}\n`);
  };
  const asked = isChat ? { messages } : { prompt };
  const made = await model.generate({ ...asked, options, format, signal: gone.signal, onText });
  const end = {
    done: true,
    done_reason: made.doneReason,
    prompt_eval_count: made.promptTokens,
    eval_count: made.tokens,
  };
  if (!stream) return sendJson(outgoing, 200, part(whole, end));
  if (!outgoing.headersSent) outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
  outgoing.end(`${JSON.stringify(part('', end))}\n`);
}

function sendJson(outgoing: ServerResponse, status: number, value: object): void {
  outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}

async function readJson(incoming: IncomingMessage): Promise<Question> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Question;
}
