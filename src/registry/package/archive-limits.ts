/** What an archive may be; see the table of upload limits in the documentation. */
export interface ArchiveLimits {
  /** Files and folders in it. */
  readonly entries: number;
  /** Bytes unpacked over bytes packed, for an entry above `ratioFromBytes` and for the whole. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
  /** Bytes of all files unpacked. */
  readonly totalBytes: number;
}

export const defaultArchiveLimits: ArchiveLimits = {
  entries: 1_000,
  ratio: 100,
  ratioFromBytes: 2 ** 20,
  totalBytes: 2 ** 31,
};
