import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

// What `/proc` says of the processes of a server. Linux only, as the server is.

/** Processes below one, nearest first. */
export function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  const below = (one: number): number[] =>
    parents.flatMap(([child, parent]) => (parent === one ? [child, ...below(child)] : []));
  return below(pid);
}

const quietly = <T>(work: () => T): T | undefined => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

/** State and parent stand behind the name, which may hold anything. */
function statOf(pid: number): string[] {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
const parentOf = (pid: number): number => Number(statOf(pid)[1]);

export const isAlive = (pid: number): boolean => !['', 'Z', 'X', undefined].includes(statOf(pid)[0]);

/** The script that a Node process runs. */
export function scriptOf(pid: number): string {
  const words = quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  const script = words.split('\0').find((word) => /\.m?js$/.test(word) && !word.startsWith('file:'));
  return script?.split('/').slice(-2).join('/') ?? words.split('\0')[0] ?? '';
}

/** What the open file descriptors of a process lead to, as `/proc` words it. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return (quietly(() => readdirSync(folder)) ?? []).flatMap(
    (fd) => quietly(() => readlinkSync(`${folder}/${fd}`)) ?? [],
  );
}

export interface TcpSocket {
  readonly inode: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: 'listening' | 'established' | 'closing';
}

/** All TCP sockets of this machine. */
export function tcpSockets(): TcpSocket[] {
  return ['tcp', 'tcp6'].flatMap((name) =>
    (quietly(() => readFileSync(`/proc/net/${name}`, 'utf8')) ?? '')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
        if (local === '') return [];
        const port = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16);
        const known = { '0A': 'listening', '01': 'established' } as const;
        return {
          inode,
          localPort: port(local),
          remotePort: port(remote),
          state: known[state as keyof typeof known] ?? 'closing',
        };
      }),
  );
}

export const inodeOf = (link: string): string | undefined => /^socket:\[(\d+)\]$/.exec(link)?.[1];
