// SPDX-License-Identifier: Apache-2.0
// From options to the signer that they name: a key file, a command, or an identity.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { SUPPORTED_KEYS } from '../../policies/trust/key.ts';
import { TRUSTED_ROOT_FILE } from '../../policies/trust/index.ts';
import { readTrustedRoot } from '../../policies/trust/trusted-root.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { readBytes } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { readPrivateKey } from '../private-key.ts';
import { readPublicKeyFile } from '../public-key.ts';
import { splitCommand } from './command-line.ts';
import { externalSigner } from './external-signer.ts';
import type { SignerInput } from './external-signer.ts';
import { identityToken } from './identity-token.ts';
import { keylessSigner } from './keyless-signer.ts';
import { serviceUrl } from './services.ts';
import type { Service } from './services.ts';
import { keySigner } from './signer.ts';
import type { Signer } from './signer.ts';

export type SignerOptions = {
  readonly key?: string;
  readonly signerCommand?: string;
  readonly publicKey?: string;
  readonly signerInput: SignerInput;
  readonly signerTimeout: string;
  readonly keyless?: boolean;
  readonly fulcioUrl: string;
  readonly rekorUrl: string;
  readonly rekorVersion: '1' | '2';
  readonly tsaUrl?: string;
  readonly identityToken?: string;
  readonly identityTokenFile?: string;
  readonly oidcAudience: string;
  readonly trustedRoot?: string;
};

export const addSignerOptions = (command: Command): Command =>
  command
    .option('--key <file>', 'private key in PEM, of writ, openssl or cosign')
    .option('--signer-command <command>', 'a program that signs, with its arguments; no shell reads it')
    .option('--public-key <file>', 'of --signer-command: the key by which it signs, PEM')
    .addOption(new Option('--signer-input <form>', 'of --signer-command: what it reads').choices(['bytes', 'digest']).default('bytes'))
    .option('--signer-timeout <seconds>', 'of --signer-command and of each service: how long it may take', '60')
    .option('--keyless', 'sign as an identity, by Fulcio and Rekor')
    .option('--fulcio-url <url>', 'of --keyless: who writes the certificate', 'https://fulcio.sigstore.dev')
    .option('--rekor-url <url>', 'of --keyless: the transparency log', 'https://rekor.sigstore.dev')
    .addOption(new Option('--rekor-version <number>', 'of --keyless: the API of that log').choices(['1', '2']).default('1'))
    .option('--tsa-url <url>', 'of --keyless: a timestamp authority; version 2 of Rekor needs one')
    .option('--identity-token <token>', 'of --keyless: an OpenID Connect token; other users of this machine may see it')
    .option('--identity-token-file <file>', 'of --keyless: a file that holds it, - is standard input')
    .option('--oidc-audience <name>', 'of --keyless: the audience of a token that GitHub is asked for', 'sigstore')
    .option('--trusted-root <file>', `of --keyless: judges what was made (default: ${TRUSTED_ROOT_FILE} beside trust.yaml)`);

const timeoutOf = ({ signerTimeout }: SignerOptions): number => {
  if (/^[1-9][0-9]{0,3}$/.test(signerTimeout)) return Number(signerTimeout) * 1000;
  throw new UsageError(`--signer-timeout ${signerTimeout}: write a number of seconds`);
};

const external = (text: string, options: SignerOptions, terminal: Terminal): Signer => {
  const command = splitCommand(text);
  if (command === undefined) throw new UsageError('--signer-command is empty, or a quote in it has no end');
  if (options.publicKey === undefined) throw new UsageError('--signer-command needs --public-key: what it signs is verified with it');
  const publicKey = readPublicKeyFile(options.publicKey);
  if (publicKey.refusal !== undefined)
    throw new UserError([
      { ...publicKey.refusal, message: `${options.publicKey}: ${publicKey.refusal.message}`, hint: `use ${SUPPORTED_KEYS}` },
    ]);
  return externalSigner({ command, publicKey, input: options.signerInput, env: terminal.env, timeoutMs: timeoutOf(options) });
};

/** The one that is named, else the one of the repository, else none. */
const rootFor = ({ trustedRoot }: SignerOptions, repository: string): TrustedRoot | undefined => {
  const path = trustedRoot ?? join(repository, TRUSTED_ROOT_FILE);
  if (trustedRoot === undefined && !existsSync(path)) return undefined;
  const read = readTrustedRoot(readBytes(path));
  if (read.ok) return read.root;
  throw new UserError([{ code: 'TRUST_ROOT_INVALID', message: `${path}: ${read.why}` }]);
};

const keyless = (options: SignerOptions, repository: string, terminal: Terminal): Signer => {
  const { fulcioUrl, rekorUrl, rekorVersion, tsaUrl } = options;
  const timeoutMs = timeoutOf(options);
  if (rekorVersion === '2' && tsaUrl === undefined)
    throw new UsageError('--rekor-version 2 needs --tsa-url: that log says no time, and without one no keyless seal counts');
  const service = (name: string, option: string, url: string): Service => ({ name, url: serviceUrl(option, url), timeoutMs });
  return keylessSigner({
    fulcio: service('Fulcio', '--fulcio-url', fulcioUrl),
    rekor: service('Rekor', '--rekor-url', rekorUrl),
    rekorVersion: rekorVersion === '1' ? 1 : 2,
    timestamps: tsaUrl === undefined ? undefined : service('the timestamp authority', '--tsa-url', tsaUrl),
    token: () => identityToken({ ...options, timeoutMs }, terminal.env),
    root: rootFor(options, repository),
  });
};

/** Undefined where none is named. `repository` is the folder of trust.yaml. */
export const chooseSigner = async (options: SignerOptions, repository: string, terminal: Terminal): Promise<Signer | undefined> => {
  const named = [options.key, options.signerCommand, options.keyless === true ? '' : undefined].filter((one) => one !== undefined);
  if (named.length > 1) throw new UsageError('--key, --signer-command and --keyless exclude each other');
  if (options.publicKey !== undefined && options.signerCommand === undefined)
    throw new UsageError('--public-key belongs to --signer-command');
  if (options.signerCommand !== undefined) return external(options.signerCommand, options, terminal);
  if (options.keyless === true) return keyless(options, repository, terminal);
  return options.key === undefined ? undefined : keySigner(await readPrivateKey(options.key, terminal));
};
