import { parseArgs } from 'node:util';
import { readConfig } from '../src/config.ts';
import { runScript } from './support/cleanup.ts';
import { startFloor } from './support/floor.ts';
import { LoadClient } from './support/load-client.ts';
import { predictDigit } from './support/predict-digit.ts';
import { countEvents, startProduct, uploadBundle } from './support/product.ts';
import type { Server } from './support/server.ts';
import { ratioOf, spreadOf } from './support/statistics.ts';
import { range, summaryOf, tableOf } from './support/table.ts';
import { type Contestant, type Series, takeTurns } from './support/take-turns.ts';
import { atLeast, atMost, settle } from './support/verdict.ts';

const usage = `Measures POST /predict of the model digits-onnx with durable events, and beside it a floor: a plain Harper
component that reads the same request and writes the same event, started with the same settings.

  node scripts/prepare.mjs tool benchmarks/measure-predict [--rounds 7] [--connections 64] [--requests 12000]
                                                           [--single 2000] [--threads n] [--json]

  --requests  of one round at --connections; --single: of one round at one connection
  --threads   HTTP threads of either server; what the product takes by itself unless given

Product and floor take turns. Fails when the product answers fewer than 0.6 of the floor's requests, or when its
median at one connection lies more than 0.6 ms above the floor's.`;

const LEAST_SHARE = 0.6;
const MOST_ADDED_MS = 0.6;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    connections: { type: 'string', default: '64' },
    requests: { type: 'string', default: '12000' },
    single: { type: 'string', default: '2000' },
    threads: { type: 'string', default: String(readConfig({}).HTTP_THREADS) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => {
  if (!values.json) console.log(line);
};

async function main(): Promise<void> {
  const rounds = Number(values.rounds);
  const connections = Number(values.connections);
  say('Starting both servers ...');
  const product = await startProduct({ threads: Number(values.threads) });
  await uploadBundle(product, 'digits-onnx');
  const { body, event } = await predictDigit(product);
  const floor = await startFloor(product, event);
  const client = new LoadClient();
  const both = (count: number): Contestant[] => [
    contestant('product', product, client, body, count),
    contestant('floor', floor, client, body, count),
  ];
  const counts = () => Promise.all([product, floor].map(countEvents));
  const before = await counts();
  say(`${connections} connections, ${values.threads} HTTP thread(s)`);
  const many = await takeTurns(both(connections), { rounds, requests: Number(values.requests), say });
  say('1 connection');
  const single = await takeTurns(both(1), { rounds, requests: Number(values.single), say });
  checkEvents(before, await counts(), (rounds + 1) * (Number(values.requests) + Number(values.single)));
  report(many, single);
}

function contestant(name: string, server: Server, client: LoadClient, body: string, connections: number): Contestant {
  const { pid, authorization } = server;
  const url = `${server.url}/predict`;
  return { name, pid, run: (requests) => client.run({ url, authorization, body, connections, requests }) };
}

/** Every answer must have left its event, on either side. */
function checkEvents(before: readonly number[], after: readonly number[], made: number): void {
  const written = after.map((count, index) => count - (before[index] as number));
  if (written.some((count) => count !== made)) {
    throw new Error(`Expected ${made} events of each server, got ${written.join(' and ')}`);
  }
}

function report(many: readonly Series[], single: readonly Series[]): void {
  const [product, floor] = many as [Series, Series];
  const [one, oneFloor] = single as [Series, Series];
  const throughput = ratioOf(product.perSecond, floor.perSecond);
  const cpu = ratioOf(product.cpuMs, floor.cpuMs);
  const addedMs = spreadOf(one.p50Ms.map((ms, round) => ms - (oneFloor.p50Ms[round] as number)));
  const verdicts = [
    atLeast(`throughput at ${values.connections} connections, of the floor's`, throughput.median, LEAST_SHARE),
    atMost("p50 at one connection above the floor's", addedMs.median, MOST_ADDED_MS, ' ms'),
  ];
  if (values.json) {
    const [at64, at1] = [many.map(summaryOf), single.map(summaryOf)];
    console.log(JSON.stringify({ many: at64, single: at1, throughput, cpu, addedMs, verdicts }, null, 2));
  }
  say(`\n${values.connections} connections: middle round (least-most)\n${tableOf(many)}`);
  say(`product / floor: throughput ${range(throughput, 2)}, CPU a request ${range(cpu, 2)}`);
  say(`\n1 connection\n${tableOf(single)}`);
  say(`product - floor: p50 ${range(addedMs, 2)} ms\n`);
  settle(verdicts, say);
}

if (values.help) console.log(usage);
else await runScript(main);
