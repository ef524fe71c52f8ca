import { openAsBlob } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Config } from '../../src/config.ts';
import { EgressPolicy } from '../../src/egress/egress-policy.ts';
import { OllamaServer } from '../../src/inference/backends/ollama/server.ts';
import { type GatherOptions, gatherBytes, gatherFolder } from '../../src/registry/folder/gather-bytes.ts';
import { findLooseModels, readEntries } from '../../src/registry/folder/read-entries.ts';
import { projectRoot } from '../harper/project-root.ts';

const ollamaPatienceMs = 2000;

export interface PreloadOptions {
  readonly url: string;
  readonly config: Config;
  /** Value of the Authorization header; development needs none. */
  readonly authorization?: string;
  readonly report: (line: string) => void;
  /** The model that goes before the others, and what is to be done once it can be asked. */
  readonly first?: { readonly modelName: string; readonly then: () => void };
}

export interface PreloadResult {
  readonly model: string;
  readonly outcome: 'loaded' | 'present' | 'skipped';
  readonly detail: string;
}

interface Wanted {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly framework: string;
  readonly stage: string;
  readonly metadata: object;
  readonly gather: (options: GatherOptions) => Promise<string>;
}

/** Registers the models of `models/` and of `MODELS_DIR` with a running server; what is there already stays. */
export async function preloadModels({
  url,
  config,
  authorization,
  report,
  first,
}: PreloadOptions): Promise<PreloadResult[]> {
  const headers = authorization === undefined ? {} : { authorization };
  const work: GatherOptions = {
    modelsFolder: join(projectRoot, 'models'),
    packageJson: join(projectRoot, 'package.json'),
    workFolder: join(config.AI_OPS_ROOT, 'preload'),
    hub: config.ALLOW_REMOTE_MODELS
      ? {
          endpoint: config.HF_ENDPOINT,
          policy: new EgressPolicy({ allow: config.EGRESS_ALLOW }),
          maxBytes: config.MAX_MODEL_BYTES,
        }
      : undefined,
    ollamaModels: () => new OllamaServer(config.OLLAMA_HOST).tags(AbortSignal.timeout(ollamaPatienceMs)),
  };
  const { wanted, results } = await discover(config);
  for (const { model, detail } of results) report(`  skipped  ${model}: ${detail}`);
  const isFirst = ({ modelName }: Wanted) => modelName === first?.modelName;
  for (const one of wanted.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)))) {
    const result = await preloadOne(one, url, headers, work);
    if (result.outcome !== 'present')
      report(`  ${result.outcome}   ${result.model}${result.detail ? `: ${result.detail}` : ''}`);
    results.push(result);
    if (isFirst(one) && result.outcome !== 'skipped') first?.then();
  }
  await rm(work.workFolder, { recursive: true, force: true });
  return results;
}

async function discover(config: Config): Promise<{ wanted: Wanted[]; results: PreloadResult[] }> {
  const { entries, problems } = await readEntries(join(projectRoot, 'models', 'metadata'));
  const wanted: Wanted[] = entries.map((entry) => ({
    ...entry,
    gather: (options) => gatherBytes(entry.modelName, entry.source, options),
  }));
  if (config.MODELS_DIR !== undefined) {
    const loose = await findLooseModels(config.MODELS_DIR);
    problems.push(...loose.problems);
    for (const { name, framework, directory, files } of loose.models) {
      if (wanted.some(({ modelName }) => modelName === name)) continue;
      wanted.push({
        modelName: name,
        modelVersion: 'v1',
        framework,
        stage: 'candidate',
        metadata: {},
        gather: (options) => gatherFolder(name, directory, files, options),
      });
    }
  }
  return {
    wanted,
    results: problems.map(({ file, message }) => ({ model: file, outcome: 'skipped', detail: message })),
  };
}

async function preloadOne(
  wanted: Wanted,
  url: string,
  headers: Record<string, string>,
  work: GatherOptions,
): Promise<PreloadResult> {
  const model = `${wanted.modelName}:${wanted.modelVersion}`;
  const there = await fetch(`${url}/model/${wanted.modelName}/${wanted.modelVersion}`, { headers });
  if (there.ok) return { model, outcome: 'present', detail: '' };
  const begin = Date.now();
  try {
    const file = await wanted.gather(work);
    const form = new FormData();
    for (const name of ['modelName', 'modelVersion', 'framework', 'stage'] as const) form.set(name, wanted[name]);
    form.set('metadata', JSON.stringify(wanted.metadata));
    form.set('file', await openAsBlob(file), basename(file));
    const reply = await fetch(`${url}/model/upload`, { method: 'POST', headers, body: form });
    const body = (await reply.json()) as { detail?: string; blobSize?: number };
    if (!reply.ok) return { model, outcome: 'skipped', detail: body.detail ?? `answered ${reply.status}` };
    const megabytes = ((body.blobSize ?? 0) / 1e6).toFixed(1);
    return { model, outcome: 'loaded', detail: `${megabytes} MB in ${((Date.now() - begin) / 1000).toFixed(1)} s` };
  } catch (error) {
    return { model, outcome: 'skipped', detail: error instanceof Error ? error.message : String(error) };
  }
}
