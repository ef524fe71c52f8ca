// newman brings no types of its own; this is the part that the tests use.
declare module 'newman' {
  interface Summary {
    readonly run: {
      readonly failures: readonly {
        readonly source?: { readonly name?: string };
        readonly error: { readonly test?: string; readonly message: string };
      }[];
      readonly stats: Readonly<Record<'requests' | 'assertions', { readonly total?: number }>>;
    };
  }
  interface Options {
    readonly collection: string;
    readonly envVar: readonly { readonly key: string; readonly value: string }[];
    readonly reporters: readonly string[];
  }
  const newman: { run(options: Options, done: (error: Error | null, summary: Summary) => void): void };
  export default newman;
}
