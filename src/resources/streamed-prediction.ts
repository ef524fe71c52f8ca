import type { Watching } from '../app/predict.ts';
import { echoAliases } from './edge/aliases.ts';
import { hangUpSignal } from './edge/hang-up.ts';
import { Pieces, pieceFormat } from './edge/pieces.ts';
import { problem } from './edge/respond.ts';
import type { ApiRequest, Reply } from './edge/route.ts';

/**
 * Answers a prediction in pieces. The reply begins with the first piece: until then an error is a reply of its own,
 * later it is the last piece. The `done` piece comes when the event is written.
 *
 * @param ask  asks the model; gives what `/predict` replies.
 */
export async function streamedPrediction(
  { incoming, headers, requestId, aliases }: ApiRequest,
  ask: (watching: Watching) => Promise<object>,
): Promise<Reply> {
  const format = pieceFormat(headers.accept);
  const pieces = new Pieces(format);
  let inferenceId: string | undefined;
  let hasBegun = false;
  await new Promise<void>((begin, refuse) => {
    const watching: Watching = {
      signal: hangUpSignal(incoming),
      onBegin: (id) => {
        inferenceId = id;
      },
      onDelta: (delta) => {
        hasBegun = true;
        begin();
        return pieces.send('delta', { delta });
      },
    };
    ask(watching).then(
      (body) => {
        pieces.end('done', { done: true, ...(echoAliases(body, aliases) as object) });
        begin();
      },
      (error: unknown) => {
        if (hasBegun) pieces.end('error', { error: problem(error, requestId).body });
        else refuse(error);
      },
    );
  });
  return {
    stream: pieces.stream,
    // Whoever stands between must not collect the pieces.
    headers: { 'content-type': format.contentType, 'x-accel-buffering': 'no' },
    ...(inferenceId !== undefined && { inferenceId }),
  };
}
