import { parseArgs } from 'node:util';
import { runScript } from './support/cleanup.ts';
import { postJson, startProduct } from './support/product.ts';
import { type Asked, delaysOf, leaveAt } from './support/read-tokens.ts';
import { pause, type Server } from './support/server.ts';
import { quantile } from './support/statistics.ts';
import { startTokenServer, type TokenServer } from './support/token-server.ts';
import { atMost, settle } from './support/verdict.ts';

const usage = `Measures how late a token of an Ollama model reaches a caller of POST /predict with stream: true, after the server
of the model wrote it, and beside it how late a caller is who reads that server directly. Both take turns. The server of
the model is one of this script's own, which writes the time into each token. Then callers leave at random bytes.

  npm run measure:streaming -- [--rounds 30] [--tokens 40] [--pause 5] [--leave 1000] [--json]

  --rounds  answers read of each of the two
  --tokens  of an answer; --pause: milliseconds between them
  --leave   callers who hang up somewhere in the answer; nothing may be left of them

Fails when the first token is more than 5 ms later than when it is read directly (the middle of the rounds), or when a
generation, a connection or a place is left behind.`;

const MOST_ADDED_MS = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    tokens: { type: 'string', default: '40' },
    pause: { type: 'string', default: '5' },
    leave: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => {
  if (!values.json) console.log(line);
};

async function main(): Promise<void> {
  const upstream = await startTokenServer({ tokens: Number(values.tokens), pauseMs: Number(values.pause) });
  say('Starting the server ...');
  const product = await startProduct({ threads: 1, more: { OLLAMA_HOST: upstream.host } });
  const modelBlob = JSON.stringify({ modelName: 'tokens', mode: 'generate' });
  await postJson(
    product,
    '/model',
    JSON.stringify({ modelName: 'tokens', modelVersion: 'v1', framework: 'ollama', modelBlob }),
  );
  const through = throughProduct(product);
  const direct: Asked = {
    url: `http://${upstream.host}/api/generate`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tokens', prompt: 'go', stream: true }),
  };
  for (const asked of [through, direct]) await delaysOf(asked);
  const delays = { through: [] as number[][], direct: [] as number[][] };
  for (let round = 0; round < Number(values.rounds); round++) {
    delays.through.push(await delaysOf(through));
    delays.direct.push(await delaysOf(direct));
  }
  const left = await leaveOften(product, through, upstream);
  report(delays, left);
}

const throughProduct = ({ url, authorization }: Server): Asked => ({
  url: `${url}/predict`,
  headers: { 'content-type': 'application/json', authorization },
  body: JSON.stringify({ modelName: 'tokens', features: { prompt: 'go' }, options: { stream: true } }),
});

interface LeftBehind {
  readonly callers: number;
  readonly generations: number;
  readonly connections: number;
  readonly places: number;
}

async function leaveOften(product: Server, asked: Asked, upstream: TokenServer): Promise<LeftBehind> {
  const callers = Number(values.leave);
  const longest = Number(values.tokens) * 40;
  for (let gone = 0; gone < callers; gone += 10) {
    const leaving = Array.from({ length: Math.min(10, callers - gone) }, () =>
      leaveAt(asked, 1 + Math.random() * longest),
    );
    await Promise.all(leaving);
  }
  const begin = performance.now();
  while (upstream.sockets.size > 0 && performance.now() - begin < 5_000) await pause(20);
  const status = await fetch(`${product.url}/status`, { headers: { authorization: product.authorization } });
  const { queues } = (await status.json()) as { queues: { inFlight: number; queued: number } };
  const places = queues.inFlight + queues.queued;
  // Asking for the status asks for the version, over a connection that closes by itself.
  while (upstream.sockets.size > 0 && performance.now() - begin < 10_000) await pause(20);
  return { callers, generations: upstream.generating(), connections: upstream.sockets.size, places };
}

function report({ through, direct }: Record<'through' | 'direct', number[][]>, left: LeftBehind): void {
  const first = (rounds: number[][]) => rounds.flatMap(([delay]) => (delay === undefined ? [] : [delay]));
  const rows = [
    ['first token, through the server', first(through)],
    ['first token, read directly', first(direct)],
    ['all tokens, through the server', through.flat()],
    ['all tokens, read directly', direct.flat()],
  ] as const;
  const figures = rows.map(([what, delays]) => ({ what, p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) }));
  const [mine, theirs] = figures as [(typeof figures)[0], (typeof figures)[0]];
  const verdicts = [
    atMost('first token later than read directly, median', mine.p50Ms - theirs.p50Ms, MOST_ADDED_MS, ' ms'),
    atMost(`generations left behind by ${left.callers} callers who hung up`, left.generations, 0),
    atMost('connections left behind', left.connections, 0),
    atMost('places left behind', left.places, 0),
  ];
  if (values.json) console.log(JSON.stringify({ figures, left, verdicts }, null, 2));
  for (const { what, p50Ms, p99Ms } of figures)
    say(`${what.padEnd(34)} median ${p50Ms.toFixed(2)} ms   p99 ${p99Ms.toFixed(2)} ms`);
  settle(verdicts, say);
}

if (values.help) console.log(usage);
else await runScript(main);
