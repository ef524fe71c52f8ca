import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readEntries } from '../src/registry/folder/read-entries.ts';
import { projectRoot } from './harper/project-root.ts';
import { settings } from './harper/settings.ts';
import { pullModels } from './ollama/pull.ts';

const help = `npm run pull-ollama -- [model ...] [--json]

Pulls models with the Ollama server at OLLAMA_HOST: those that are named, else OLLAMA_DEFAULT_MODEL and the Ollama
models described in models/metadata/. What is there already is only compared.

  --json  the outcome as JSON, without progress
  --help  this text

Exit code: 0 when all are there, 1 when one is not or no server answers, 2 when the call or a setting is wrong.`;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(help);
    return 0;
  }
  const { OLLAMA_HOST: host, OLLAMA_DEFAULT_MODEL: defaultModel } = settings();
  const models = positionals.length > 0 ? positionals : [...new Set([defaultModel, ...(await describedModels())])];
  try {
    const report = values.json ? () => {} : (line: string) => console.log(line);
    const results = await pullModels({ host, models, report });
    const failed = results.filter(({ ok }) => !ok);
    if (values.json) console.log(JSON.stringify(results));
    else console.log(`${results.length - failed.length} of ${results.length} are there`);
    for (const { model, detail } of failed) console.error(`${model} was not pulled: ${detail}`);
    return failed.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

function readArguments() {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    process.exit(2);
  }
}

async function describedModels(): Promise<string[]> {
  const { entries } = await readEntries(join(projectRoot, 'models', 'metadata'));
  return entries.flatMap(({ source }) => {
    const name = source.type === 'ollama' ? source.description.modelName : undefined;
    return name === undefined ? [] : [name];
  });
}
