import { parseArgs } from 'node:util';
import { cosine } from '../src/lib/cosine.ts';
import { runScript } from './support/cleanup.ts';
import { DirectFloor } from './support/direct-floor.ts';
import { LoadClient } from './support/load-client.ts';
import { postJson, startProduct, uploadBundle } from './support/product.ts';
import { shortTexts } from './support/short-texts.ts';
import { ratioOf } from './support/statistics.ts';
import { range, summaryOf, tableOf } from './support/table.ts';
import { type Contestant, type Round, type Series, takeTurns } from './support/take-turns.ts';
import { atLeast, settle } from './support/verdict.ts';

const usage = `Measures how many texts a second the product embeds with all-minilm-l6-v2, 32 short texts a request over one
connection, and beside it two floors without a server: the same texts through the same tokenizer and ONNX Runtime in
one process, sorted by length and run in groups of 8, and run one by one.

  node scripts/prepare.mjs tool benchmarks/measure-embeddings [--rounds 7] [--requests 40] [--json]

  --requests  of one round

All take turns. Fails when the product embeds fewer than 0.85 of the texts of the floor in groups of 8.`;

const LEAST_SHARE = 0.85;
/** int8 activations are quantised over a whole run, so a vector moves a little with what runs beside it. */
const LEAST_COSINE = 0.98;
const GROUP = 8;
const model = 'all-minilm-l6-v2';
const body = JSON.stringify({ modelName: model, features: { texts: shortTexts } });

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => {
  if (!values.json) console.log(line);
};

async function main(): Promise<void> {
  say('Starting the server ...');
  const server = await startProduct({ threads: 1 });
  await uploadBundle(server, model);
  const floor = await DirectFloor.start(model);
  const reply = await postJson<{ prediction: { embeddings: number[][] } }>(server, '/predict', body);
  const cosines = [await leastCosine(reply, floor, GROUP), await leastCosine(reply, floor, 1)];
  if (!cosines.some((least) => least >= LEAST_COSINE)) {
    throw new Error(`Expected vectors like those of the floor, got a cosine of ${cosines.join(' and ')}`);
  }
  const client = new LoadClient();
  const { pid, authorization } = server;
  const load = { url: `${server.url}/predict`, authorization, body, connections: 1 };
  const direct = (name: string, groupSize: number): Contestant => ({
    name,
    pid: floor.pid,
    run: async (requests) => texts((await floor.run(groupSize, requests)).round),
  });
  const all = await takeTurns(
    [
      { name: 'product', pid, run: async (requests) => texts(await client.run({ ...load, requests })) },
      direct(`direct, groups of ${GROUP}`, GROUP),
      direct('direct, one by one', 1),
    ],
    { rounds: Number(values.rounds), requests: Number(values.requests), say },
  );
  report(all, cosines);
}

const texts = (round: Round): Round => ({ ...round, perSecond: round.perSecond * shortTexts.length });

/** The vector on which product and floor agree least. */
async function leastCosine(reply: { prediction: { embeddings: number[][] } }, floor: DirectFloor, groupSize: number) {
  const { vectors } = await floor.run(groupSize, 1);
  const { embeddings } = reply.prediction;
  if (embeddings.length !== vectors.length)
    throw new Error(`Expected ${vectors.length} vectors, got ${embeddings.length}`);
  return Math.min(
    ...vectors.map((vector, index) =>
      cosine(Float32Array.from(vector), Float32Array.from(embeddings[index] as number[])),
    ),
  );
}

function report(all: readonly Series[], cosines: readonly number[]): void {
  const [product, grouped, single] = all as [Series, Series, Series];
  const ofGrouped = ratioOf(product.perSecond, grouped.perSecond);
  const ofSingle = ratioOf(product.perSecond, single.perSecond);
  const verdicts = [atLeast(`texts a second, of the floor's in groups of ${GROUP}`, ofGrouped.median, LEAST_SHARE)];
  if (values.json)
    console.log(JSON.stringify({ all: all.map(summaryOf), ofGrouped, ofSingle, cosines, verdicts }, null, 2));
  say(`\n${shortTexts.length} texts a request: middle round (least-most)\n${tableOf(all, 'texts/s')}`);
  say(`product / floor: groups of ${GROUP} ${range(ofGrouped, 2)}, one by one ${range(ofSingle, 2)}`);
  say(`least cosine: groups of ${GROUP} ${cosines[0]?.toFixed(4)}, one by one ${cosines[1]?.toFixed(4)}\n`);
  settle(verdicts, say);
}

if (values.help) console.log(usage);
else await runScript(main);
