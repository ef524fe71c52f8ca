import { parseArgs } from 'node:util';
import { cosine } from '../src/lib/cosine.ts';
import { runScript } from './support/cleanup.ts';
import type { Grouping } from './support/direct-embedder.ts';
import { DirectFloor } from './support/direct-floor.ts';
import { LoadClient } from './support/load-client.ts';
import { postJson, startProduct, uploadBundle } from './support/product.ts';
import { shortTexts } from './support/short-texts.ts';
import { ratioOf } from './support/statistics.ts';
import { range, summaryOf, tableOf } from './support/table.ts';
import { type Contestant, type Round, type Series, takeTurns } from './support/take-turns.ts';
import { atLeast, settle } from './support/verdict.ts';

const usage = `Measures how many texts a second the product embeds with all-minilm-l6-v2, 32 short texts a request over one
connection, and beside it floors without a server: the same texts through the same tokenizer and ONNX Runtime in one
process, batched as the product batches them, sorted by length in groups of 8, and one by one.

  node scripts/prepare.mjs tool benchmarks/measure-embeddings [--rounds 7] [--requests 40] [--json]

  --requests  of one round

All take turns. Fails when the product embeds fewer than 0.85 of the texts of the floor that is batched alike.`;

const LEAST_SHARE = 0.85;
/** Batched alike, both do the very same runs. */
const LEAST_COSINE = 0.9999;
const groupings: readonly { readonly name: string; readonly grouping: Grouping }[] = [
  { name: 'batched alike', grouping: 'alike' },
  { name: 'groups of 8', grouping: 8 },
  { name: 'one by one', grouping: 1 },
];
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
  const cosines: number[] = [];
  for (const { grouping } of groupings) cosines.push(await leastCosine(reply, floor, grouping));
  if ((cosines[0] as number) < LEAST_COSINE)
    throw new Error(`Expected the vectors of the floor, got a cosine of ${cosines[0]}`);
  const client = new LoadClient();
  const { pid, authorization } = server;
  const load = { url: `${server.url}/predict`, authorization, body, connections: 1 };
  const floors = groupings.map(
    ({ name, grouping }): Contestant => ({
      name: `direct, ${name}`,
      pid: floor.pid,
      run: async (requests) => texts((await floor.run(grouping, requests)).round),
    }),
  );
  const all = await takeTurns(
    [{ name: 'product', pid, run: async (requests) => texts(await client.run({ ...load, requests })) }, ...floors],
    { rounds: Number(values.rounds), requests: Number(values.requests), say },
  );
  report(all, cosines);
}

const texts = (round: Round): Round => ({ ...round, perSecond: round.perSecond * shortTexts.length });

/** The vector on which product and floor agree least. */
async function leastCosine(reply: { prediction: { embeddings: number[][] } }, floor: DirectFloor, grouping: Grouping) {
  const { vectors } = await floor.run(grouping, 1);
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
  const [product, ...floors] = all as [Series, ...Series[]];
  const ratios = floors.map(({ perSecond }) => ratioOf(product.perSecond, perSecond));
  const [alike] = ratios as [(typeof ratios)[number]];
  const verdicts = [atLeast("texts a second, of the floor's batched alike", alike.median, LEAST_SHARE)];
  if (values.json) console.log(JSON.stringify({ all: all.map(summaryOf), ratios, cosines, verdicts }, null, 2));
  say(`\n${shortTexts.length} texts a request: middle round (least-most)\n${tableOf(all, 'texts/s')}`);
  for (const [index, { name }] of groupings.entries()) {
    const ratio = ratios[index] as (typeof ratios)[number];
    say(`product / floor, ${name}: ${range(ratio, 2)}; least cosine ${cosines[index]?.toFixed(4)}`);
  }
  settle(verdicts, say);
}

if (values.help) console.log(usage);
else await runScript(main);
