// SPDX-License-Identifier: Apache-2.0
// A real sshd on a port of its own, with its own host key, that lets one key in and runs whatever git asks for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../scenario/free-port.ts';
import { runProgram } from './run-git.ts';

export type SshServer = {
  /** `ssh://USER@127.0.0.1:PORT`, to which the path of a repository is added. */
  readonly url: string;
  /** The private key that is let in, and the same one under a passphrase. */
  readonly identity: string;
  readonly encryptedIdentity: string;
  readonly passphrase: string;
  readonly knownHosts: string;
  /** A key that is let in nowhere, and a line for another host key. */
  readonly strangerIdentity: string;
  readonly otherKnownHosts: string;
  close(): Promise<void>;
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Where sshd is, or undefined: then tests of ssh are skipped by name. It wants to be called by its whole path. */
export const findSshd = (): string | undefined =>
  [process.env['WRIT_SSHD'] ?? '', '/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd'].find(
    (path) => path !== '' && isExecutable(path),
  );

const makeKey = async (path: string, passphrase = ''): Promise<string> => {
  await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', 'test', '-f', path], { cwd: '/' });
  return readFile(path, 'utf8');
};

export const startSshServer = async (options: { readonly sshd: string; readonly root: string }): Promise<SshServer> => {
  const dir = join(options.root, 'ssh');
  await mkdir(dir, { mode: 0o700 });
  const at = (name: string): string => join(dir, name);
  const passphrase = 'open "sesame"';
  await makeKey(at('host'));
  await makeKey(at('other-host'));
  const identity = await makeKey(at('user'));
  const encryptedIdentity = await makeKey(at('encrypted'), passphrase);
  const strangerIdentity = await makeKey(at('stranger'));
  await writeFile(at('authorized'), `${await readFile(at('user.pub'), 'utf8')}${await readFile(at('encrypted.pub'), 'utf8')}`);
  await chmod(at('authorized'), 0o600);
  // As root sshd insists on this folder, whatever its configuration says.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    `PidFile ${at('pid')}`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'LogLevel INFO',
  ];
  await writeFile(at('config'), `${config.join('\n')}\n`);
  const child = spawn(options.sshd, ['-D', '-e', '-f', at('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = createInterface({ input: child.stderr });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('Server listening')) resolve();
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`sshd ended: ${said.join('\n')}`)));
  });
  const knownLine = async (name: string): Promise<string> => `[127.0.0.1]:${port} ${await readFile(at(`${name}.pub`), 'utf8')}`;
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    identity,
    encryptedIdentity,
    passphrase,
    strangerIdentity,
    knownHosts: await knownLine('host'),
    otherKnownHosts: await knownLine('other-host'),
    close: async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
};
