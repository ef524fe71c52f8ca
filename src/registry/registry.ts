import { rm } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import type { ReceivedFile } from '../lib/receive-file.ts';
import { type ModelRow, type ModelStatus, modelAttributes, type Stage } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { canonicalFramework } from './frameworks.ts';
import { type Metadata, wantedFile } from './metadata.ts';
import { type Model, modelOf } from './model.ts';
import { buildModelKey, checkName, checkVersion } from './names.ts';
import { type LearntSchema, newModelRow, type Registration } from './new-model-row.ts';
import type { LocalPackage, PackageStore } from './package-store.ts';

/** Loads a package for the first time, in a runner, after the gate. */
export type FirstLoad = (model: LocalPackage, framework: string, metadata: Metadata) => Promise<LearntSchema>;

export interface RegistryPorts {
  readonly store: Store;
  readonly packages: PackageStore;
  readonly firstLoad: FirstLoad;
  /** Called after a model's rows changed, with the model's name and, after a deletion, its digest. */
  readonly onChange: (change: { readonly modelName: string; readonly retiredDigest?: string }) => void;
  /** Called with each version that is new here. */
  readonly onAdded?: (model: Model) => void;
  readonly now: () => number;
}

/** Names, versions and bytes of models. A registered version never changes its bytes. */
export class Registry {
  readonly #ports: RegistryPorts;
  readonly #parsed = new Map<string, { row: ModelRow; model: Model }>();

  constructor(ports: RegistryPorts) {
    this.#ports = ports;
  }

  /**
   * Registers received bytes as a version: gate, first load, then record and bytes together. The received
   * file is consumed. A refusal leaves nothing behind.
   *
   * @param beforeStoring  called with everything checked, right before record and bytes appear; throws to stop it.
   * @returns the model, and whether it is new (false: the same bytes were there already).
   * @throws AppError ID_INVALID, VERSION_IMMUTABLE, DIGEST_MISMATCH, MODEL_*, ARCHIVE_*
   */
  async register(
    wanted: Registration,
    file: ReceivedFile,
    actor: string,
    beforeStoring?: () => Promise<void>,
  ): Promise<{ model: Model; created: boolean }> {
    try {
      const id = buildModelKey(checkName(wanted.modelName), checkVersion(wanted.modelVersion));
      if (wanted.expectedSha256 !== undefined && wanted.expectedSha256.toLowerCase() !== file.sha256) {
        throw new AppError(
          'DIGEST_MISMATCH',
          `Expected bytes with sha256 ${wanted.expectedSha256}, got ${file.sha256}. Send the file again.`,
        );
      }
      const present = await this.#present(id, file.sha256);
      if (present) return { model: present, created: false };
      // Whoever is refused removes the unpacked bytes, so the same bytes come in one after the other.
      const add = () => this.#add(id, wanted, file, actor, beforeStoring);
      const { model, created } = await this.#ports.store.withLock(`bytes:${file.sha256}`, add);
      if (created) this.#ports.onAdded?.(model);
      return { model, created };
    } finally {
      await rm(file.path, { force: true });
    }
  }

  /** @throws AppError MODEL_NOT_FOUND */
  async get(modelName: string, modelVersion: string): Promise<Model> {
    const row = await this.#ports.store.models.get(buildModelKey(modelName, modelVersion));
    if (!row) throw await this.#notFound(modelName, modelVersion);
    return this.#parse(row);
  }

  /** Versions of a name, newest deployment first. @throws AppError MODEL_NOT_FOUND when there is none. */
  async versions(modelName: string): Promise<Model[]> {
    const models = await this.#ofName(modelName);
    if (models.length === 0) throw await this.#notFound(modelName);
    return models;
  }

  /** Versions in order of their id. */
  async list(filter: { stage?: Stage; framework?: string; taskType?: string } = {}): Promise<Model[]> {
    const conditions = (['stage', 'framework'] as const).flatMap((attribute) => {
      const value = filter[attribute];
      return value === undefined ? [] : [{ attribute, comparator: 'equals' as const, value }];
    });
    const rows = await collect(this.#ports.store.models.query({ conditions }));
    return rows
      .map((row) => this.#parse(row))
      .filter(({ metadata }) => filter.taskType === undefined || metadata.taskType === filter.taskType)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Merges metadata (RFC 7396) and sets the status; the bytes never change. */
  async amend(
    modelName: string,
    modelVersion: string,
    change: { metadata?: Metadata; status?: ModelStatus },
  ): Promise<Model> {
    return this.#ports.store.withLock(`model:${modelName}`, async () => {
      const { id } = await this.get(modelName, modelVersion);
      await this.#ports.store.models.patch(id, {
        ...(change.metadata && { metadata: JSON.stringify(change.metadata) }),
        ...(change.status && { status: change.status }),
      });
      this.#ports.onChange({ modelName });
      return this.get(modelName, modelVersion);
    });
  }

  /** Deletes a version; its name stays taken. @throws AppError MODEL_NOT_FOUND, STATE_CONFLICT */
  async retire(modelName: string, modelVersion: string, actor: string): Promise<void> {
    const { store, packages, onChange } = this.#ports;
    const digest = await store.withLock(`model:${modelName}`, async () => {
      const { id, stage, digest, deploymentVersion } = await this.get(modelName, modelVersion);
      if (stage === 'production') {
        throw new AppError(
          'STATE_CONFLICT',
          `${id} is in production. Register another version with stage production, which archives this one, then delete it.`,
        );
      }
      await store.retired.put({
        id,
        modelName,
        digest,
        deploymentVersion,
        retiredAt: this.#ports.now(),
        retiredBy: actor,
      });
      await store.models.delete(id);
      this.#parsed.delete(id);
      onChange({ modelName });
      return digest;
    });
    // Not under the lock above: who registers these bytes holds this one first and then that of the name.
    await store.withLock(`bytes:${digest}`, async () => {
      if (await this.#isInUse(digest)) return;
      await packages.remove(digest);
      onChange({ modelName, retiredDigest: digest });
    });
  }

  /**
   * The files of a model on this node, fetched from the table when they are not there.
   *
   * @throws AppError MODEL_NOT_FOUND when the version was deleted meanwhile, MODEL_UNAVAILABLE
   */
  localPackage(model: Model): Promise<LocalPackage> {
    const { store, packages } = this.#ports;
    const { id, modelName, modelVersion, digest, framework, metadata } = model;
    const open = async () => {
      if (!(await store.models.get(id))) throw await this.#notFound(modelName, modelVersion);
      return (await store.models.bytes(id))?.stream();
    };
    const alone = <T>(work: () => Promise<T>) => store.withLock(`bytes:${digest}`, work);
    return packages.ensure(digest, framework, open, wantedFile(framework, metadata), alone);
  }

  /** Forgets how the rows of a name read, so that versions deleted by other threads leave nothing here. */
  forget(modelName: string): void {
    const prefix = buildModelKey(modelName, '');
    for (const id of this.#parsed.keys()) if (id.startsWith(prefix)) this.#parsed.delete(id);
  }

  bytes(model: Model) {
    return this.#ports.store.models.bytes(model.id);
  }

  async #present(id: string, digest: string): Promise<Model | undefined> {
    const row = await this.#ports.store.models.get(id);
    const taken = row ?? (await this.#ports.store.retired.get(id));
    if (taken && taken.digest !== digest) {
      throw new AppError(
        'VERSION_IMMUTABLE',
        `${id} ${row ? 'is registered' : 'was deleted, and its name stays taken,'} with other bytes (sha256 ${taken.digest}). Choose a new version.`,
      );
    }
    return row && this.#parse(row);
  }

  async #add(id: string, wanted: Registration, file: ReceivedFile, actor: string, beforeStoring = async () => {}) {
    const framework = canonicalFramework(wanted.framework);
    const { store, packages, firstLoad } = this.#ports;
    try {
      const local = await packages.admit(file, framework, wantedFile(framework, wanted.metadata));
      const learnt = await firstLoad(local, framework, wanted.metadata);
      return await store.withLock(`model:${wanted.modelName}`, async () => {
        const present = await this.#present(id, file.sha256);
        if (present) return { model: present, created: false };
        await beforeStoring();
        return this.#insert(id, wanted, file, actor, learnt);
      });
    } catch (error) {
      if (!(await this.#isInUse(file.sha256))) await packages.remove(file.sha256);
      throw error;
    }
  }

  async #isInUse(digest: string): Promise<boolean> {
    const conditions = [{ attribute: 'digest', comparator: 'equals', value: digest }] as const;
    return (await collect(this.#ports.store.models.query({ conditions, limit: 1 }))).length > 0;
  }

  async #insert(id: string, wanted: Registration, file: ReceivedFile, actor: string, learnt: LearntSchema) {
    const row = newModelRow(id, wanted, file, learnt, {
      uploadedBy: actor,
      uploadedAt: this.#ports.now(),
      deploymentVersion: 1 + (await this.#newestDeployment(wanted.modelName)),
    });
    await this.#ports.store.models.putWithBytes(row, { path: file.path, size: file.size });
    if (wanted.stage === 'production') await this.#archiveOthers(row);
    this.#ports.onChange({ modelName: wanted.modelName });
    return { model: this.#parse(row), created: true };
  }

  /** Deleted versions count too, so that a number never comes again. */
  async #newestDeployment(modelName: string): Promise<number> {
    const conditions = [{ attribute: 'modelName', comparator: 'equals', value: modelName }] as const;
    const retired = await collect(this.#ports.store.retired.query({ conditions }));
    const numbers = [...retired, ...(await this.#ofName(modelName))].map(({ deploymentVersion }) => deploymentVersion);
    return Math.max(0, ...numbers);
  }

  /** One version of a name is in production at a time. */
  async #archiveOthers({ id, modelName }: ModelRow): Promise<void> {
    for (const other of await this.#ofName(modelName)) {
      if (other.stage === 'production' && other.id !== id)
        await this.#ports.store.models.patch(other.id, { stage: 'archived' });
    }
  }

  async #ofName(modelName: string): Promise<Model[]> {
    const rows = await collect(
      this.#ports.store.models.query({
        conditions: [{ attribute: 'modelName', comparator: 'equals', value: modelName }],
      }),
    );
    return rows.map((row) => this.#parse(row)).sort((a, b) => b.deploymentVersion - a.deploymentVersion);
  }

  /** Rows change rarely and are read on every request, so the parsed form is kept beside the row it came from. */
  #parse(row: ModelRow): Model {
    const known = this.#parsed.get(row.id);
    if (known && modelAttributes.every((attribute) => known.row[attribute] === row[attribute])) return known.model;
    const model = modelOf(row);
    this.#parsed.set(row.id, { row, model });
    return model;
  }

  async #notFound(modelName: string, modelVersion?: string): Promise<AppError> {
    const versions = (await this.#ofName(modelName)).map((model) => model.modelVersion);
    if (versions.length === 0) {
      return new AppError(
        'MODEL_NOT_FOUND',
        `No model is named "${modelName}". GET /model lists the models there are.`,
      );
    }
    const known = versions.slice(0, 10).join(', ');
    return new AppError('MODEL_NOT_FOUND', `Model "${modelName}" has no version "${modelVersion}"; it has ${known}.`);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
