import { readDigit } from './digits.ts';
import { postJson } from './product.ts';
import type { Server } from './server.ts';

/**
 * Asks the product for one real digit, to see that it answers right.
 *
 * @returns the request's body as JSON, and the event that it left
 * @throws  Error when the digit was not recognised, or left no event
 */
export async function predictDigit(server: Server): Promise<{ body: string; event: object }> {
  const { pixels, label } = readDigit(0);
  const body = JSON.stringify({ modelName: 'digits-onnx', features: { pixels: [pixels] } });
  const answer = await postJson<{ inferenceId: string; prediction: { label: string } }>(server, '/predict', body);
  if (answer.prediction.label !== label) throw new Error(`Expected the digit ${label}, got ${answer.prediction.label}`);
  const { url, authorization } = server;
  const reply = await fetch(`${url}/InferenceEvent/${answer.inferenceId}`, { headers: { authorization } });
  const event = (await reply.json()) as { modelName?: string };
  if (!reply.ok || event.modelName !== 'digits-onnx')
    throw new Error(`Expected an event of the answer, got ${reply.status}`);
  return { body, event };
}
