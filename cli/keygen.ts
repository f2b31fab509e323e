// SPDX-License-Identifier: Apache-2.0
// writ keygen: a key pair for sealing.
import { generateKeyPairSync } from 'node:crypto';
import type { KeyPairKeyObjectResult } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { hintOf } from '../policies/trust/key.ts';
import { writeNew } from './files.ts';
import { UsageError, UserError, printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { PASSWORD_VARIABLE, passwordFrom } from './private-key.ts';

const TYPES = ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-3072', 'rsa-4096'] as const;
type KeyType = (typeof TYPES)[number];

type Options = { readonly name: string; readonly out: string; readonly type: KeyType; readonly encrypt: boolean; readonly output: Format };

const HELP = `
Writes NAME.key (private, mode 0600) and NAME.pub, and never overwrites either. cosign reads the private
key after \`cosign import-key-pair --key NAME.key\`, openssl as it is.

Exit codes: 0 written, 1 refused, 2 wrong use.

Examples:
  writ keygen                                    writ.key and writ.pub in this folder
  writ keygen --name alice --out ~/keys
  writ keygen --name partner --type rsa-4096
  ${PASSWORD_VARIABLE}=… writ keygen --encrypt       PKCS#8, PBES2 with AES-256`;

const generatePair = (type: KeyType): KeyPairKeyObjectResult => {
  switch (type) {
    case 'ecdsa-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ecdsa-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 });
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096 });
  }
};

const generate = (options: Options, terminal: Terminal): void => {
  const passphrase = passwordFrom(terminal);
  if (options.encrypt && (passphrase ?? '') === '') throw new UsageError(`--encrypt needs a password in ${PASSWORD_VARIABLE}`);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(options.name))
    throw new UsageError(`--name ${options.name}: use letters, digits, dots and hyphens`);
  const privatePath = join(options.out, `${options.name}.key`);
  const publicPath = join(options.out, `${options.name}.pub`);
  const taken = [privatePath, publicPath].filter((path) => existsSync(path));
  if (taken.length > 0) throw new UserError(taken.map((path) => ({ code: 'FILE_EXISTS', message: `${path}: it exists already` })));

  const pair = generatePair(options.type);
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const stored = pair.privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(options.encrypt ? { cipher: 'aes-256-cbc', passphrase: passphrase ?? '' } : {}),
  });
  writeNew(privatePath, stored.toString(), 0o600);
  writeNew(publicPath, publicKey, 0o644);

  const hint = hintOf(pair.publicKey);
  if (options.output === 'json') return printJson(terminal, { privateKey: privatePath, publicKey: publicPath, hint });
  const indented = publicKey.trimEnd().replaceAll('\n', '\n        ');
  terminal.out(`${privatePath}  private, keep it\n${publicPath}  public, hint ${hint}\n\nFor the trust policy, under spec.principals:\n`);
  terminal.out(
    `  - name: ${options.name.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}\n    publicKeys:\n    - pem: |\n        ${indented}\n`,
  );
};

export const keygenCommand = (terminal: Terminal): Command =>
  new Command('keygen')
    .description('make a key pair for sealing')
    .addOption(new Option('--type <type>', 'kind of key').choices(TYPES).default('ecdsa-p256'))
    .option('--name <name>', 'name of the files', 'writ')
    .option('--out <folder>', 'where they are written', '.')
    .option('--encrypt', `encrypt the private key with the password in ${PASSWORD_VARIABLE}`, false)
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: Options) => generate(options, terminal));
