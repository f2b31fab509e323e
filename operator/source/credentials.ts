// SPDX-License-Identifier: Apache-2.0
// What the Secret behind `spec.secretRef` says, and how git gets to know it: by files in a private folder that serves
// as HOME of the child, never by arguments, URLs or our log. Keys are Flux's.
import { createHmac } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem, Result } from '../../policies/problem.ts';
import type { SourceUrl } from './url.ts';

export type Credentials = {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** A private key for ssh, PEM or OpenSSH; `password` opens it where it is encrypted. */
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly caCrt?: string;
  readonly tlsCrt?: string;
  readonly tlsKey?: string;
};

const secretKeys = {
  username: 'username',
  password: 'password',
  bearerToken: 'bearerToken',
  identity: 'identity',
  known_hosts: 'knownHosts',
  'ca.crt': 'caCrt',
  'tls.crt': 'tlsCrt',
  'tls.key': 'tlsKey',
} as const satisfies Record<string, keyof Credentials>;

const invalid = (message: string): Problem => ({ code: 'SOURCE_CREDENTIAL_INVALID', message, path: 'spec.secretRef' });

/** Reads a Secret's `data` (base64). Keys that are not ours are left alone. */
export const parseCredentials = (data: Readonly<Record<string, string>>): Credentials => {
  const known = Object.entries(secretKeys).flatMap(([key, field]) => {
    const encoded = Object.hasOwn(data, key) ? data[key] : undefined;
    return encoded === undefined ? [] : [[field, Buffer.from(encoded, 'base64').toString('utf8')] as const];
  });
  return Object.fromEntries(known);
};

const oneLine = (text: string): string => text.replace(/[\r\n]+$/, '');

const checkHttp = (credentials: Credentials): Problem | undefined => {
  const { username, password, bearerToken } = credentials;
  // RFC 6750 b64token; anything else could add a header of its own.
  if (bearerToken !== undefined && !/^[A-Za-z0-9._~+/-]+=*$/.test(oneLine(bearerToken)))
    return invalid('bearerToken holds characters that no bearer token has');
  if (bearerToken !== undefined && (username !== undefined || password !== undefined))
    return invalid('it holds bearerToken and username or password: which one counts?');
  if ((username === undefined) !== (password === undefined)) return invalid('username and password are needed together');
  if (username?.includes(':') === true) return invalid('a user name for HTTP may not hold a colon (RFC 7617)');
  if ((credentials.tlsCrt === undefined) !== (credentials.tlsKey === undefined)) return invalid('tls.crt and tls.key are needed together');
  return undefined;
};

const checkSsh = (credentials: Credentials): Problem | undefined => {
  if (credentials.identity === undefined) return invalid('an ssh URL needs the key "identity", a private key');
  if (credentials.knownHosts === undefined || credentials.knownHosts.trim() === '')
    return invalid('an ssh URL needs the key "known_hosts", the keys of the host (ssh-keyscan prints them)');
  return undefined;
};

/** Whether the credentials fit the URL. */
export const checkCredentials = (url: SourceUrl, credentials: Credentials): Result<Credentials> => {
  const problem = url.scheme === 'ssh' ? checkSsh(credentials) : checkHttp(credentials);
  return problem === undefined ? { ok: true, value: credentials } : { ok: false, problem };
};

/** Names a credential without telling it: sources share a mirror only where both URL and credential are the same. */
export const fingerprint = (key: Uint8Array, url: SourceUrl, credentials: Credentials): string => {
  const fields = Object.values(secretKeys).map((field) => credentials[field] ?? null);
  return createHmac('sha256', key)
    .update(JSON.stringify([url.href, ...fields]))
    .digest('hex')
    .slice(0, 40);
};

/** Strings that must never leave the process in a message. */
export const secretsOf = (credentials: Credentials): readonly string[] => {
  const { username, password, bearerToken } = credentials;
  return [password, bearerToken, basic(username, password)].flatMap((text) =>
    text === undefined || oneLine(text).length < 4 ? [] : [oneLine(text)],
  );
};

const basic = (username: string | undefined, password: string | undefined): string | undefined =>
  username === undefined || password === undefined
    ? undefined
    : Buffer.from(`${oneLine(username)}:${oneLine(password)}`).toString('base64');

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const sshCommand = (home: string, encrypted: boolean): string => {
  const options = [
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PreferredAuthentications=publickey',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${join(home, 'known_hosts')}"`,
    'GlobalKnownHostsFile=/dev/null',
    'UpdateHostKeys=no',
    'CheckHostIP=no',
    'ConnectTimeout=15',
    'ServerAliveInterval=10',
    'ServerAliveCountMax=3',
    'ControlMaster=no',
    'ForwardAgent=no',
    'PermitLocalCommand=no',
    encrypted ? 'NumberOfPasswordPrompts=1' : 'BatchMode=yes',
  ];
  // ssh reads options of the account from -F, not from HOME, so the file is switched off by name.
  const command = `ssh -F /dev/null -i ${shellQuoted(join(home, 'identity'))} ${options.map((option) => `-o ${shellQuoted(option)}`).join(' ')}`;
  return encrypted ? `SSH_ASKPASS=${shellQuoted(join(home, 'askpass'))} SSH_ASKPASS_REQUIRE=force DISPLAY=none ${command}` : command;
};

const httpSection = (home: string, url: SourceUrl, credentials: Credentials): readonly string[] => {
  const token =
    credentials.bearerToken === undefined ? basic(credentials.username, credentials.password) : oneLine(credentials.bearerToken);
  const scheme = credentials.bearerToken === undefined ? 'Basic' : 'Bearer';
  return [
    // Bound to scheme, host and port, so that no other server is ever shown it.
    `[http ${quoted(url.scope)}]`,
    ...(token === undefined ? [] : [`\textraHeader = ${quoted(`Authorization: ${scheme} ${token}`)}`]),
    ...(credentials.caCrt === undefined ? [] : [`\tsslCAInfo = ${quoted(join(home, 'ca.crt'))}`]),
    ...(credentials.tlsCrt === undefined
      ? []
      : [`\tsslCert = ${quoted(join(home, 'tls.crt'))}`, `\tsslKey = ${quoted(join(home, 'tls.key'))}`]),
  ];
};

// Redirects are off because they would carry the credential, and the request, past the allow-list of URLs.
const baseConfig = [
  '[http]',
  '\tfollowRedirects = false',
  '\tsslVersion = tlsv1.2',
  '\tlowSpeedLimit = 1',
  '\tlowSpeedTime = 30',
  '[credential]',
  '\thelper =',
  '[core]',
  '\thooksPath = /dev/null',
  '\taskPass =',
  '\tfsmonitor = false',
  '[gc]',
  '\tauto = 0',
  '[maintenance]',
  '\tauto = false',
  '[fetch]',
  '\tunpackLimit = 1',
  '\trecurseSubmodules = false',
  '\twriteCommitGraph = false',
  '\tfsckObjects = false',
  '[submodule]',
  '\trecurse = false',
  '[protocol]',
  '\tversion = 2',
  '[init]',
  '\ttemplateDir =',
  '\tdefaultBranch = main',
];

/** Writes the private folder (0700, files 0600) that is HOME for git when it talks to this remote. */
export const writeCredentialHome = async (home: string, url: SourceUrl, credentials: Credentials): Promise<void> => {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string | undefined, mode = 0o600): Promise<void> =>
    text === undefined ? Promise.resolve() : writeFile(join(home, name), text, { mode });
  const encrypted = url.scheme === 'ssh' && credentials.password !== undefined;
  const config = [
    ...baseConfig,
    ...(url.scheme === 'https' || url.scheme === 'http' ? httpSection(home, url, credentials) : []),
    ...(url.scheme === 'ssh' ? ['[core]', `\tsshCommand = ${quoted(sshCommand(home, encrypted))}`] : []),
  ];
  await write('.gitconfig', `${config.join('\n')}\n`);
  await write('ca.crt', credentials.caCrt);
  await write('tls.crt', credentials.tlsCrt);
  await write('tls.key', credentials.tlsKey);
  if (url.scheme !== 'ssh') return;
  // OpenSSH refuses a key file without a newline at its end.
  await write('identity', credentials.identity === undefined ? undefined : `${oneLine(credentials.identity)}\n`);
  await write('known_hosts', credentials.knownHosts === undefined ? undefined : `${oneLine(credentials.knownHosts)}\n`);
  if (!encrypted) return;
  await write('passphrase', credentials.password === undefined ? undefined : `${oneLine(credentials.password)}\n`);
  await write('askpass', `#!/bin/sh\nexec cat ${shellQuoted(join(home, 'passphrase'))}\n`, 0o700);
};
