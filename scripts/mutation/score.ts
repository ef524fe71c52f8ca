/** The part of a mutation report (mutation-testing-report-schema) that is read here. */
export interface MutationReport {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: { readonly line: number } };
}

export interface Score {
  readonly killed: number;
  readonly timeout: number;
  readonly survived: number;
  /** Of these no test runs the line at all. */
  readonly noCoverage: number;
  /** Found among all that could have been found, in percent; NaN when there were none. */
  readonly percent: number;
}

/** The score of the files below a folder. Mutants that do not run at all, and those left out, do not count. */
export function scoreOf({ files }: MutationReport, folder: string): Score {
  const statuses = Object.entries(files)
    .filter(([file]) => file.startsWith(`${folder}/`))
    .flatMap(([, { mutants }]) => mutants.map(({ status }) => status));
  const count = (wanted: string) => statuses.filter((status) => status === wanted).length;
  const [killed, timeout, survived, noCoverage] = [
    count('Killed'),
    count('Timeout'),
    count('Survived'),
    count('NoCoverage'),
  ];
  const percent = (100 * (killed + timeout)) / (killed + timeout + survived + noCoverage);
  return { killed, timeout, survived, noCoverage, percent };
}

/** Mutants that no test noticed, as `file:line mutator: replacement`. */
export function survivorsOf({ files }: MutationReport): string[] {
  return Object.entries(files).flatMap(([file, { mutants }]) =>
    mutants
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .map(({ location, mutatorName, replacement = '', status }) => {
        const words = replacement.replace(/\s+/g, ' ').slice(0, 100);
        return `${file}:${location.start.line} ${status === 'Survived' ? '' : 'never run, '}${mutatorName}: ${words}`;
      }),
  );
}
