import { DirectEmbedder, type Grouping } from './direct-embedder.ts';
import { shortTexts } from './short-texts.ts';
import { quantile } from './statistics.ts';
import type { Round } from './take-turns.ts';

// The floor of embeddings, in a process of its own. Started with the folder of the unpacked model; each message
// names a grouping and how often to embed the texts.

const embedder = await DirectEmbedder.open(process.argv[2] as string);
process.on('message', ({ grouping, requests }: { grouping: Grouping; requests: number }) => {
  measure(grouping, requests).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  );
});
process.send?.('ready');

async function measure(grouping: Grouping, requests: number): Promise<{ round: Round; vectors: number[][] }> {
  const latencies: number[] = [];
  let vectors: Float32Array[] = [];
  const startedAt = performance.now();
  for (let request = 0; request < requests; request++) {
    const began = performance.now();
    vectors = await embedder.embed(shortTexts, grouping);
    latencies.push(performance.now() - began);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    round: {
      seconds,
      perSecond: requests / seconds,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      clientCpuMs: 0,
    },
    vectors: vectors.map((vector) => Array.from(vector)),
  };
}
