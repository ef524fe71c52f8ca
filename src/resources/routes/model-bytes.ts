import { AppError } from '../../errors.ts';
import { type Route, route } from '../edge/route.ts';
import { named } from './models.ts';

export const modelBytesRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/model/{name}/{version}/blob',
    action: 'model.download',
    tag: 'Model Management',
    summary: 'The bytes of a version',
    replies: {
      200: { description: 'All bytes', contentType: 'application/octet-stream' },
      206: { description: 'The bytes of the Range header', contentType: 'application/octet-stream' },
    },
    async handle(app, request) {
      const model = await app.registry.get(...named(request));
      const etag = `"${model.digest}"`;
      const headers = {
        etag,
        'x-content-sha256': model.digest,
        'accept-ranges': 'bytes',
        'content-type': 'application/octet-stream',
      };
      if (request.headers['if-none-match'] === etag) return { status: 304, headers };
      const stored = await app.registry.bytes(model);
      if (!stored)
        throw new AppError('MODEL_UNAVAILABLE', `The bytes of ${model.id} are not on this node yet.`, {
          retryAfterSeconds: 5,
        });
      const range = rangeOf(request.headers.range, stored.size, request.headers['if-range'], etag);
      if (range === 'unsatisfiable')
        return { status: 416, headers: { ...headers, 'content-range': `bytes */${stored.size}` } };
      if (!range) return { headers: { ...headers, 'content-length': String(stored.size) }, stream: stored.stream() };
      const { start, end } = range;
      return {
        status: 206,
        headers: {
          ...headers,
          'content-range': `bytes ${start}-${end - 1}/${stored.size}`,
          'content-length': String(end - start),
        },
        stream: stored.stream(start, end),
      };
    },
  }),
];

/** One byte range of RFC 9110; anything else we do not serve is answered with all bytes, as it allows. */
function rangeOf(header: string | undefined, size: number, ifRange: string | string[] | undefined, etag: string) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '') || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const [, first = '', last = ''] = match;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= size || start >= end) return 'unsatisfiable' as const;
  return { start, end };
}
