import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..', '..', '..');

export const readDocument = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** The fenced code blocks of a Markdown text, in order. */
export function codeBlocks(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  text.split('\n').forEach((line, index) => {
    const fence = /^```(\w*)\s*$/.exec(line);
    if (fence && open) {
      blocks.push({ language: open.language, code: open.lines.join('\n'), line: open.line });
      open = undefined;
    } else if (fence) open = { language: fence[1] ?? '', lines: [], line: index + 1 };
    else open?.lines.push(line);
  });
  return blocks;
}

/** Rows of all tables of a Markdown text, each a list of trimmed cells, without header rules. */
export function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^[|\s:-]+$/.test(line))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** Text of the section under a heading, down to the next heading of its level or above. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`expected the heading "${heading}"`);
  const level = heading.indexOf(' ');
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** The one thing in backticks that a table's cell begins with. */
export const codeOf = (cell: string | undefined): string | undefined => /^`([^`]+)`/.exec(cell ?? '')?.[1];
