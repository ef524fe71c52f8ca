import { z } from 'zod';
import type { EgressPolicy } from '../../egress/egress-policy.ts';
import { guardedGet } from '../../egress/guarded-exchange.ts';
import { AppError } from '../../errors.ts';
import { FinalError } from '../../jobs/retry.ts';
import { plainPathProblem } from '../package/plain-path.ts';

/** A file of a repository on the hub. */
export interface HubFile {
  readonly path: string;
  readonly url: URL;
  /** Bytes; null where the hub does not say. */
  readonly size: number | null;
  /** sha256 of large files, which the hub keeps under it. */
  readonly sha256: string | undefined;
}

const reference = /^(?<repository>[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?)(?:@(?<revision>[A-Za-z0-9][\w./-]*))?$/;

/** `owner/name` or `owner/name@revision`; undefined for anything else. */
export function parseHubReference(text: string): { repository: string; revision: string } | undefined {
  const { repository, revision = 'main' } = reference.exec(text)?.groups ?? {};
  return repository === undefined || text.includes('..') ? undefined : { repository, revision };
}

/** We read these fields of the hub's answer; it has more. */
const Repository = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string(),
        size: z.number().int().nonnegative().optional(),
        lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().optional() }).nullish(),
      }),
    )
    .max(10_000),
});

const maxListBytes = 8 * 2 ** 20;

/**
 * The files of a repository at one commit, so that all of them belong together.
 *
 * @param endpoint  the hub's address.
 * @throws AppError UPSTREAM_UNAVAILABLE, URL_FORBIDDEN; FinalError when the repository cannot be had.
 */
export async function listHubFiles(
  endpoint: string,
  { repository, revision }: { repository: string; revision: string },
  { policy, signal }: { policy: EgressPolicy; signal: AbortSignal },
): Promise<HubFile[]> {
  const hub = endpoint.replace(/\/+$/, '');
  const url = policy.parse(`${hub}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`);
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'ai-ops' };
  const reply = await guardedGet({ policy, url, headers, signal, maxBytes: maxListBytes, idleTimeoutMs: 30_000 });
  if (reply.status !== 200) {
    reply.close();
    throw notListed(url.host, reply.status);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  const { sha, siblings } = parsed(Buffer.concat(chunks), url.host);
  return siblings
    .filter(({ rfilename }) => plainPathProblem(rfilename) === undefined)
    .map(({ rfilename, size, lfs }) => ({
      path: rfilename,
      url: policy.parse(
        `${hub}/${repository}/resolve/${sha}/${rfilename.split('/').map(encodeURIComponent).join('/')}`,
      ),
      size: lfs?.size ?? size ?? null,
      sha256: lfs?.sha256,
    }));
}

function parsed(bytes: Buffer, host: string): z.infer<typeof Repository> {
  try {
    return Repository.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    const message = `Expected ${host} to list a repository as the Hugging Face hub does, it sent something else. Check HF_ENDPOINT.`;
    throw new FinalError(new AppError('UPSTREAM_UNAVAILABLE', message, { cause }));
  }
}

function notListed(host: string, status: number): Error {
  const error = new AppError(
    'UPSTREAM_UNAVAILABLE',
    `${host} answered ${status} in place of the repository. Expected owner/name of a public one, with @revision where it is not main.`,
    { retryAfterSeconds: 5 },
  );
  return status >= 500 || status === 429 ? error : new FinalError(error);
}
