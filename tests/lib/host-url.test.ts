import { expect, it } from 'vitest';
import { hostUrl } from '../../src/lib/host-url.ts';

it.each([
  ['127.0.0.1', 'http://127.0.0.1:11434/'],
  [' gpu-box ', 'http://gpu-box:11434/'],
  ['gpu-box:8080', 'http://gpu-box:8080/'],
  ['gpu-box:80', 'http://gpu-box/'],
  [':5000', 'http://127.0.0.1:5000/'],
  ['0.0.0.0', 'http://127.0.0.1:11434/'],
  ['0.0.0.0:9', 'http://127.0.0.1:9/'],
  ['[::1]', 'http://[::1]:11434/'],
  ['[::]:7', 'http://[::1]:7/'],
  ['http://gpu-box', 'http://gpu-box/'],
  ['https://models.example', 'https://models.example/'],
  ['https://models.example:8443/ollama', 'https://models.example:8443/ollama/'],
  ['models.example/ollama/', 'http://models.example:11434/ollama/'],
])('reads %s', (text, expected) => {
  expect(hostUrl(text, 11434)?.href).toBe(expected);
});

it.each(['', 'ftp://a', 'file:///etc', 'a b', 'http://', 'http://u:p@a', 'http://a/?x=1', 'http://a/#x', 'a:99999'])(
  'does not read %j',
  (text) => {
    expect(hostUrl(text, 11434)).toBeUndefined();
  },
);
