// SPDX-License-Identifier: Apache-2.0
// writ sign: seals documents, or prints them as sealed resources.
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { digestOf } from '../policies/document/digest.ts';
import { parseDocument } from '../policies/document/index.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { validateDocument } from '../policies/document/validate.ts';
import type { Problem } from '../policies/problem.ts';
import { readBundle } from '../policies/trust/bundle.ts';
import { hintOf } from '../policies/trust/key.ts';
import { seal } from '../policies/trust/seal.ts';
import { readBytes, readText, replaceFile } from './files.ts';
import { documentsOf } from './find-files.ts';
import { UsageError, UserError, plural } from './output.ts';
import type { Terminal } from './output.ts';
import { PASSPHRASE_VARIABLE, readPrivateKey } from './private-key.ts';
import { resourceObject, resourceYaml } from './resource.ts';
import { isSignerName, readSeals, sealPath } from './seal-files.ts';

type Output = 'bundle' | 'resource' | 'json';
type Options = { readonly key?: string; readonly signer?: string; readonly output: Output };

const HELP = `
Each FILE is read strictly first (see \`writ lint\`): what two YAML readers may read differently is never sealed. The seal
is a Sigstore bundle over the exact bytes, which \`cosign verify-blob --key KEY.pub --bundle FILE.sigstore.json FILE\` checks
too. --output resource writes no file: it prints the object with the document and its seals, those beside FILE included.

Exit codes: 0 sealed, 1 refused, 2 wrong use.

Examples:
  writ sign policies/*.yaml --key security.key
  writ sign policies/a.yaml --key bob.key --signer bob         a second seal, policies/a.yaml.bob.sigstore.json
  writ sign policies/a.yaml --key security.key --output resource | kubectl apply --server-side -f -
  ${PASSPHRASE_VARIABLE}=… writ sign trust.yaml --key root.key`;

type Sealable = { readonly file: string; readonly bytes: Uint8Array; readonly document: ParsedDocument };

/** What must be right before a seal may say that it was meant. */
const readSealable = (file: string): Sealable | readonly Problem[] => {
  const bytes = readBytes(file);
  const parsed = parseDocument(bytes, file);
  if (!parsed.ok) return parsed.problems;
  const { document } = parsed;
  const outcome = validateDocument(document);
  if (!outcome.ok) return outcome.problems;
  if (outcome.kind === 'GitSource')
    return [{ code: 'SEAL_KIND', message: 'a GitSource is not sealed', at: document.positionOf(['kind']), path: 'kind' }];
  if (outcome.kind === 'Policy' && outcome.object.spec.version === undefined) {
    return [
      { code: 'SEAL_VERSION', message: 'a sealed document needs a version', at: document.positionOf(['spec']), path: 'spec.version' },
    ];
  }
  return { file, bytes, document };
};

/** Another signer's good seal of these bytes must not be lost by mistake. */
const refuseToReplace = (path: string, bytes: Uint8Array, hint: string): void => {
  if (!existsSync(path)) return;
  const read = readBundle(readText(path));
  if (!read.ok || read.seal.digest !== digestOf(bytes) || read.seal.hint === hint) return;
  throw new UserError([
    { code: 'FILE_EXISTS', message: `${path}: it is the seal of another key`, hint: 'add yours beside it with --signer NAME' },
  ]);
};

const signFiles = (files: readonly string[], options: Options, terminal: Terminal): void => {
  if (options.signer !== undefined && !isSignerName(options.signer)) throw new UsageError('--signer takes letters, digits, - and _');
  if (options.key === undefined && options.output !== 'resource') throw new UsageError('--key is missing; make one with `writ keygen`');
  const read = files.map(readSealable);
  const problems = read.flatMap((one) => ('document' in one ? [] : one));
  // All or none: a half sealed repository is refused as a whole anyway.
  if (problems.length > 0) throw new UserError(problems);
  const sealables = read.flatMap((one) => ('document' in one ? [one] : []));
  const key = options.key === undefined ? undefined : readPrivateKey(options.key, terminal);
  const sealed = sealables.map((one) => ({ ...one, bundle: key === undefined ? undefined : seal(one.bytes, key) }));

  if (options.output === 'resource') {
    for (const { file, bytes, document, bundle } of sealed) {
      const bundles = [...(bundle === undefined ? [] : [bundle]), ...otherSeals(file, bytes, key === undefined ? undefined : hintOf(key))];
      if (bundles.length === 0)
        throw new UserError([{ code: 'SEAL_MISSING', message: `${file}: there is no seal beside it`, hint: 'give --key' }]);
      terminal.out(resourceYaml(resourceObject(document, bytes, bundles)));
    }
    return;
  }
  const hint = key === undefined ? '' : hintOf(key);
  for (const { file, bytes } of sealed) refuseToReplace(sealPath(file, options.signer), bytes, hint);
  const written = sealed.map(({ file, document, bundle }) => {
    const path = sealPath(file, options.signer);
    replaceFile(path, `${bundle ?? ''}\n`);
    return { file, bundle: path, digest: document.digest, hint };
  });
  if (options.output === 'json') terminal.out(`${JSON.stringify(written, null, 2)}\n`);
  else {
    for (const { bundle, digest } of written) terminal.out(`${bundle}  ${digest}\n`);
    terminal.err(`${plural(written.length, 'document')} sealed by the key ${hint}\n`);
  }
};

/** Seals beside the file that are for these bytes and by other keys. */
const otherSeals = (file: string, bytes: Uint8Array, ownHint: string | undefined): readonly string[] => {
  const digest = digestOf(bytes);
  return readSeals(file).filter((text) => {
    const read = readBundle(text);
    return read.ok && read.seal.digest === digest && read.seal.hint !== ownHint;
  });
};

export const signCommand = (terminal: Terminal): Command =>
  new Command('sign')
    .description('seal documents with a private key')
    .argument('<files...>', 'documents')
    .option('--key <file>', 'ECDSA P-256 private key in PEM')
    .option('--signer <name>', 'write the seal as FILE.NAME.sigstore.json, beside the one of another signer')
    .addOption(
      new Option('--output <form>', 'bundle and json write FILE.sigstore.json').choices(['bundle', 'resource', 'json']).default('bundle'),
    )
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => signFiles(documentsOf(files), options, terminal));
