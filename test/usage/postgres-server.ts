// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server for tests: the machine's own binaries, a folder of its own, a Unix socket in it and no network port.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
/** Where this test runs as root: PostgreSQL refuses to. */
const NOBODY = 65_534;

/** The folder with initdb and postgres; undefined where the machine has none. */
export const postgresBinaries = (): string | undefined => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
};

export type PostgresServer = {
  /** Of a database; made when it is first named, with these options of CREATE DATABASE. */
  url(database: string, options?: string): Promise<string>;
  readonly child: ChildProcess;
  stop(): Promise<void>;
};

export const startPostgres = async (binaries: string): Promise<PostgresServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-pg-'));
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  await chmod(folder, 0o700);
  const data = join(folder, 'data');
  await run(join(binaries, 'initdb'), ['-D', data, '-U', 'writ', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], as);
  const child = spawn(
    join(binaries, 'postgres'),
    // No test cuts this machine's power, and what a process wrote outlives its own death.
    ['-D', data, '-k', folder, '-c', 'fsync=off', '-c', 'listen_addresses=', '-c', 'unix_socket_permissions=0777'],
    {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`postgres ended: ${said}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
      if (said.includes('ready to accept connections')) resolve();
    });
  });
  const urlOf = (database: string): string => `postgres://writ@localhost/${database}?host=${encodeURIComponent(folder)}`;
  const made = new Set<string>();
  const { default: pg } = await import('pg');
  return {
    child,
    url: async (database, options = '') => {
      if (!made.has(database)) {
        const client = new pg.Client({ connectionString: urlOf('postgres') });
        await client.connect();
        try {
          await client.query(`CREATE DATABASE ${database} ${options}`);
        } finally {
          await client.end();
        }
        made.add(database);
      }
      return urlOf(database);
    },
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
};
