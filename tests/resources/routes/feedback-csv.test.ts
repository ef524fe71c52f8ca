import { describe, expect, it } from 'vitest';
import type { App } from '../../../src/app/create-app.ts';
import { ask } from '../../support/ask-front.ts';
import { event } from '../../support/events.ts';
import { tinyApp } from '../../support/tiny-app.ts';

const csv = { 'content-type': 'text/csv; charset=utf-8' };
const send = (app: App, body: string, role: 'predictor' | 'trainer' = 'trainer') =>
  ask(app, 'POST', '/feedback', { role, body, headers: csv });
const lines = (body: unknown) =>
  String(body)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

async function appWith(...ids: string[]) {
  const { app } = await tinyApp();
  for (const id of ids) await app.store.events.put(event({ id, requestId: `r-${id}`, caller: 'predictor' }));
  const outcomeOf = async (id: string) => {
    const { actualOutcome, correct } = (await app.store.events.get(id)) ?? {};
    return [actualOutcome == null ? actualOutcome : JSON.parse(actualOutcome), correct];
  };
  return { app, outcomeOf };
}

describe('feedback as CSV', () => {
  it('is answered row by row, in order, and counted', async () => {
    const { app, outcomeOf } = await appWith('a', 'b', 'c');
    const { status, headers, body } = await send(
      app,
      '\ufeffinferenceId,outcome,correct\r\na,cat,true\r\nnone,dog,\r\nb,"{""class"":1}",\r\na,dog,\r\nc,4.5,maybe\r\nc\r\nc,,FALSE\r\n',
    );
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect(lines(body)).toMatchObject([
      { index: 0, inferenceId: 'a', success: true, correct: true, correctSource: 'caller' },
      { index: 1, success: false, code: 'EVENT_NOT_FOUND' },
      { index: 2, inferenceId: 'b', success: true, correct: null, correctSource: null },
      { index: 3, success: false, code: 'FEEDBACK_CONFLICT' },
      { index: 4, success: false, code: 'INVALID_INPUT', detail: expect.stringContaining('maybe') },
      { index: 5, success: false, code: 'INVALID_INPUT', detail: expect.stringContaining('3 cells') },
      { index: 6, inferenceId: 'c', success: true, correct: false },
      { done: true, accepted: 3, failed: 4 },
    ]);
    expect(await outcomeOf('a')).toEqual(['cat', true]);
    expect(await outcomeOf('b')).toEqual([{ class: 1 }, null]);
    expect(await outcomeOf('c')).toEqual([null, false]);
  });

  it.each([
    ['4.5', 4.5],
    ['-1e3', -1000],
    ['true', true],
    ['"{""label"":""cat""}"', { label: 'cat' }],
    ['"[1,2]"', [1, 2]],
    ['cat', 'cat'],
    ['null', 'null'],
    ['"""cat"""', '"cat"'],
    ['007', '007'],
    ['NaN', 'NaN'],
    ['"=HYPERLINK(""x"")"', '=HYPERLINK("x")'],
    ['+cmd|calc', '+cmd|calc'],
    ['@SUM(A1)', '@SUM(A1)'],
    ['"two\nlines, one cell"', 'two\nlines, one cell'],
    ['{"class":1}', { class: 1 }],
  ])('reads the outcome %s as %j', async (cell, outcome) => {
    const { app, outcomeOf } = await appWith('a');
    const { body } = await send(app, `outcome,requestId\n${cell},r-a\n`);
    expect(lines(body)[0]).toMatchObject({ index: 0, success: true, inferenceId: 'a' });
    expect(await outcomeOf('a')).toEqual([outcome, null]);
  });

  it.each([
    ['1e999', 'INPUT_NOT_FINITE'],
    ['['.repeat(40) + ']'.repeat(40), 'INVALID_JSON'],
    ['', 'INVALID_INPUT'],
  ])('refuses the outcome %s alone', async (cell, code) => {
    const { app, outcomeOf } = await appWith('a', 'b');
    const { body } = await send(app, `inferenceId,outcome\na,${cell}\nb,1\n`);
    expect(lines(body)).toMatchObject([{ success: false, code }, { success: true }, { accepted: 1, failed: 1 }]);
    expect(await outcomeOf('a')).toEqual([null, null]);
  });

  it.each([
    '',
    'a,cat\n',
    'inferenceId\na\n',
    'outcome\ncat\n',
    'inferenceId,requestId,outcome\na,r,cat\n',
    'inferenceId,outcome,outcome\na,cat,cat\n',
    'inferenceId,outcome,supersedes\na,cat,true\n',
    'inferenceId;outcome\na;cat\n',
  ])('with the header of %j is 400', async (body) => {
    const reply = await send((await appWith('a')).app, body);
    expect(reply).toMatchObject({ status: 400, body: { code: 'INVALID_INPUT' } });
    if (body) expect(reply.body.errors).toMatchObject([{ path: 'header' }]);
  });

  it('labels only what a predictor asked for', async () => {
    const { app } = await appWith('a');
    await app.store.events.put(event({ id: 'other', caller: 'someone' }));
    const { body } = await send(app, 'inferenceId,outcome\na,1\nother,1\n', 'predictor');
    expect(lines(body)).toMatchObject([{ success: true }, { code: 'EVENT_NOT_FOUND' }, { done: true }]);
  });

  it('is not taken where the route takes none', async () => {
    const { app } = await appWith();
    const reply = await ask(app, 'POST', '/predict', { body: 'modelName\niris\n', headers: csv });
    expect(reply.body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });
});
