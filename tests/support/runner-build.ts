import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
/** Where `src` was compiled to; another place than `dist` while others build there. */
const built = process.env.RUNNER_DIST ?? join(here, '..', '..', 'dist');

/** The compiled file of a source file below the project, which `npm test` has built. */
export function builtFile(path: string): string {
  const file = join(built, path.replace(/\.ts$/, '.js'));
  if (!existsSync(file)) throw new Error(`Expected ${path} to be compiled; run "npm run build" first`);
  return file;
}

/** Compiles files of this folder beside the compiled sources they import, and gives the path of the first. */
export function buildSupport(...names: readonly string[]): string {
  const folder = join(built, 'tests', 'support');
  mkdirSync(folder, { recursive: true });
  const files = names.map((name) => {
    const { outputText } = ts.transpileModule(readFileSync(join(here, name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    });
    const file = join(folder, `${basename(name, '.ts')}.js`);
    writeFileSync(file, outputText);
    return file;
  });
  return files[0] as string;
}
