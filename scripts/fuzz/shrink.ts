import type { FuzzRequest } from './requests.ts';

/**
 * The smallest request found that still is wrong: without its login, headers and query where they do not
 * matter, and with as little of its body as does it.
 *
 * @param isWrong  sends a request and tells whether it shows the same fault.
 * @param patience  most requests to send.
 */
export async function shrink(
  request: FuzzRequest,
  isWrong: (candidate: FuzzRequest) => Promise<boolean>,
  patience = 150,
): Promise<FuzzRequest> {
  let best = request;
  let sent = 0;
  const accept = async (candidate: FuzzRequest): Promise<boolean> => {
    if (sent++ >= patience || !(await isWrong(candidate))) return false;
    best = candidate;
    return true;
  };
  for (const name of Object.keys(request.headers)) {
    const { [name]: _dropped, ...headers } = best.headers;
    await accept({ ...best, headers });
  }
  if (best.chunked) await accept({ ...best, chunked: false });
  if (best.target.includes('?')) await accept({ ...best, target: best.target.split('?', 1)[0] ?? '/' });
  if (best.body) await accept({ ...best, body: undefined });
  for (let size = best.body?.length ?? 0; size >= 1 && sent < patience; size = Math.floor(size / 2)) {
    for (let start = 0; start < (best.body?.length ?? 0) && sent < patience; ) {
      const body = best.body as Buffer;
      const shorter = Buffer.concat([body.subarray(0, start), body.subarray(start + size)]);
      if (!(await accept({ ...best, body: shorter }))) start += size;
    }
  }
  return best;
}
