// SPDX-License-Identifier: Apache-2.0
// writ sign: seals documents, or prints them as sealed resources.
import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Command, Option } from 'commander';
import { isSource } from '../crds/wire.ts';
import { parseDocument } from '../policies/document/index.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { validateDocument } from '../policies/document/validate.ts';
import type { Problem } from '../policies/problem.ts';
import { isFor, readBundle, signatoryName } from '../policies/trust/bundle.ts';
import { hintOf } from '../policies/trust/key.ts';
import { readRelease } from '../policies/ruleset/index.ts';
import type { MemberFile } from '../policies/ruleset/index.ts';
import { seal, sealStatement } from '../policies/trust/seal.ts';
import { writeStatement } from '../policies/trust/statement.ts';
import { readBytes, readText, replaceFile } from './files.ts';
import { documentsOf } from './find-files.ts';
import { UsageError, UserError, plural } from './output.ts';
import type { Terminal } from './output.ts';
import { PASSWORD_VARIABLE, readPrivateKey } from './private-key.ts';
import { resourceObject, resourceYaml } from './resource.ts';
import { membersBeside } from './ruleset-files.ts';
import { REPOSITORY_SEAL, isSignerName, readSeals, repositorySeal, sealPath } from './seal-files.ts';

type Output = 'bundle' | 'resource' | 'json';
type Proof = 'message' | 'approval' | 'set';
type Options = {
  readonly key?: string;
  readonly signer?: string;
  readonly output: Output;
  readonly as: Proof;
  readonly sequence?: string;
  readonly source?: string;
  readonly expires?: string;
  readonly out?: string;
};

const HELP = `
Each FILE is read strictly first (see \`writ lint\`): what two YAML readers may read differently is never sealed. The seal
is a Sigstore bundle over the exact bytes, which \`cosign verify-blob --key KEY.pub --bundle FILE.sigstore.json FILE\` checks
too. --output resource writes no file: it prints the object with the document and its seals, those beside FILE included.
A ruleset is sealed only when its members beside it are those whose digests it says (\`writ pin\`): they need no seals.

--as approval seals an in-toto statement that approves FILE (\`cosign verify-blob-attestation\` checks it); --as set seals one
that names all FILEs, numbered by --sequence, into one ${REPOSITORY_SEAL} at the root of the repository: beside the trust.yaml
in the folder of the FILEs or above it, else in the current folder; with --signer NAME into seal.NAME.sigstore.json. With --source
it is also the proof by which a policy ends that it lists no more.

KEY is a PEM file of writ, openssl or cosign: ECDSA P-256 or P-384, Ed25519, RSA of 3072 bits or more. The password of an
encrypted one comes from ${PASSWORD_VARIABLE}, COSIGN_PASSWORD, or the person at the terminal.

Exit codes: 0 sealed, 1 refused, 2 wrong use.

Examples:
  writ sign policies/*.yaml --key security.key
  writ sign policies/a.yaml --key bob.key --signer bob         a second seal, policies/a.yaml.bob.sigstore.json
  writ sign policies/a.yaml --key bob.key --as approval --expires 2027-03-01T00:00:00Z
  writ sign policies/*.yaml --key cosign.key --as set --sequence 12 --source writ-system/policies
  writ sign policies/a.yaml --key security.key --output resource | kubectl apply --server-side -f -
  ${PASSWORD_VARIABLE}=… writ sign trust.yaml --key root.key`;

type Sealable = {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly document: ParsedDocument;
  /** Of a ruleset. */
  readonly members?: readonly MemberFile[];
};

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
  if (outcome.kind !== 'Ruleset') return { file, bytes, document };
  // Its seal is theirs: whoever gives it means these very members.
  const members = membersBeside(file, outcome.object);
  const release = readRelease({ ruleset: outcome.object, parsed: document }, members);
  return release.ok ? { file, bytes, document, members } : release.problems;
};

/** Another signer's good seal of these bytes must not be lost by mistake. */
const refuseToReplace = (path: string, sealables: readonly Sealable[], hint: string): void => {
  if (!existsSync(path)) return;
  const read = readBundle(readText(path));
  if (!read.ok || signatoryName(read.seal) === hint || !sealables.every(({ bytes }) => isFor(read.seal, bytes))) return;
  throw new UserError([
    { code: 'FILE_EXISTS', message: `${path}: it is the seal of another key`, hint: 'add yours beside it with --signer NAME' },
  ]);
};

const predicateOf = ({ as, sequence, source, expires }: Options): JsonObject => ({
  ...(as === 'set' ? { sequence: Number(sequence) } : {}),
  ...(source === undefined ? {} : { source }),
  ...(expires === undefined ? {} : { expires: new Date(expires).toISOString() }),
});

/** The name of a file in a statement: its path in the repository, by slashes. */
const nameIn = (folder: string, file: string): string => relative(resolve(folder), resolve(file)).split(sep).join('/');

const sealOne = ({ file, bytes, document }: Sealable, key: KeyObject, options: Options): string =>
  options.as === 'approval'
    ? sealStatement(writeStatement('approval', [{ name: nameIn('.', file), digest: document.digest }], predicateOf(options)), key)
    : seal(bytes, key);

const checkUse = (options: Options): void => {
  const { as, sequence, source, expires, output } = options;
  if (options.signer !== undefined && !isSignerName(options.signer)) throw new UsageError('--signer takes letters, digits, - and _');
  if (options.key === undefined && (output !== 'resource' || as !== 'message'))
    throw new UsageError('--key is missing; make one with `writ keygen`');
  if ((as === 'set') !== (sequence !== undefined))
    throw new UsageError('--sequence belongs to --as set: a whole number that rises with every set');
  if (sequence !== undefined && !/^[1-9][0-9]{0,14}$/.test(sequence))
    throw new UsageError(`--sequence ${sequence}: write a whole number from 1`);
  if (source !== undefined && (as !== 'set' || !isSource(source)))
    throw new UsageError('--source belongs to --as set: NAMESPACE/NAME of the GitSource');
  if (expires !== undefined && as === 'message')
    throw new UsageError('--expires belongs to --as approval and --as set; a document has its own spec.expires');
  if (expires !== undefined && Number.isNaN(Date.parse(expires)))
    throw new UsageError(`--expires ${expires}: write a time as 2027-03-01T00:00:00Z`);
  if (options.out !== undefined && as !== 'set') throw new UsageError('--out belongs to --as set');
  if (as === 'set' && output === 'resource') throw new UsageError('a set is written to a file; --output takes bundle or json');
};

type Written = { readonly file: string; readonly bundle: string; readonly digest: string; readonly hint: string };

const report = (written: readonly Written[], { output, as, sequence }: Options, terminal: Terminal): void => {
  if (output === 'json') return terminal.out(`${JSON.stringify(written, null, 2)}\n`);
  const isSet = as === 'set';
  for (const { file, bundle, digest } of written) terminal.out(`${isSet ? file : bundle}  ${digest}\n`);
  if (isSet) terminal.out(`${written[0]?.bundle ?? ''}: set ${sequence ?? ''}\n`);
  terminal.err(`${plural(written.length, 'document')} sealed by the key ${written[0]?.hint ?? ''}\n`);
};

/** The folder of the nearest trust.yaml above these files, else the current one. */
const rootOf = (files: readonly string[]): string => {
  const above = (folder: string): string => {
    if (existsSync(join(folder, 'trust.yaml'))) return folder;
    return dirname(folder) === folder ? resolve('.') : above(dirname(folder));
  };
  const roots = new Set(files.map((file) => above(dirname(resolve(file)))));
  if (roots.size > 1) throw new UsageError(`the documents belong to several repositories, ${[...roots].join(' and ')}: give --out`);
  return [...roots][0] ?? resolve('.');
};

const writeSet = (sealables: readonly Sealable[], key: KeyObject, options: Options): readonly Written[] => {
  const path = options.out ?? relative('.', join(rootOf(sealables.map(({ file }) => file)), repositorySeal(options.signer)));
  const hint = hintOf(key);
  refuseToReplace(path, sealables, hint);
  const subjects = sealables.map(({ file, document }) => ({ name: nameIn(dirname(path), file), digest: document.digest }));
  const bundle = sealStatement(writeStatement('set', subjects, predicateOf(options)), key);
  const read = readBundle(bundle);
  if (!read.ok) throw new UserError([{ ...read.problem, hint: 'seal fewer documents in one set' }]);
  replaceFile(path, `${bundle}\n`);
  return sealables.map(({ file, document }) => ({ file, bundle: path, digest: document.digest, hint }));
};

const writeEach = (sealables: readonly Sealable[], key: KeyObject, options: Options): readonly Written[] => {
  const hint = hintOf(key);
  for (const one of sealables) refuseToReplace(sealPath(one.file, options.signer), [one], hint);
  const sealed = sealables.map((one) => ({ one, bundle: sealOne(one, key, options) }));
  return sealed.map(({ one: { file, document }, bundle }) => {
    const path = sealPath(file, options.signer);
    replaceFile(path, `${bundle}\n`);
    return { file, bundle: path, digest: document.digest, hint };
  });
};

/** Seals beside the file that are for these bytes and by other keys. */
const otherSeals = (file: string, bytes: Uint8Array, ownHint: string | undefined): readonly string[] =>
  readSeals(file).filter((text) => {
    const read = readBundle(text);
    return read.ok && isFor(read.seal, bytes) && signatoryName(read.seal) !== ownHint;
  });

const printResources = (sealables: readonly Sealable[], key: KeyObject | undefined, options: Options, terminal: Terminal): void => {
  for (const one of sealables) {
    const { file, bytes } = one;
    const own = key === undefined ? [] : [sealOne(one, key, options)];
    const bundles = [...own, ...otherSeals(file, bytes, key === undefined ? undefined : hintOf(key))];
    if (bundles.length === 0)
      throw new UserError([{ code: 'SEAL_MISSING', message: `${file}: there is no seal beside it`, hint: 'give --key' }]);
    terminal.out(resourceYaml(resourceObject({ ...one, bundles })));
  }
};

const signFiles = async (files: readonly string[], options: Options, terminal: Terminal): Promise<void> => {
  checkUse(options);
  const read = files.map(readSealable);
  const problems = read.flatMap((one) => ('document' in one ? [] : one));
  // All or none: a half sealed repository is refused as a whole anyway.
  if (problems.length > 0) throw new UserError(problems);
  const sealables = read.flatMap((one) => ('document' in one ? [one] : []));
  const key = options.key === undefined ? undefined : await readPrivateKey(options.key, terminal);
  if (options.output === 'resource' || key === undefined) return printResources(sealables, key, options, terminal);
  report(options.as === 'set' ? writeSet(sealables, key, options) : writeEach(sealables, key, options), options, terminal);
};

export const signCommand = (terminal: Terminal): Command =>
  new Command('sign')
    .description('seal documents with a private key')
    .argument('<files...>', 'documents')
    .option('--key <file>', 'private key in PEM, of writ, openssl or cosign')
    .addOption(new Option('--as <proof>', 'what is signed').choices(['message', 'approval', 'set']).default('message'))
    .option('--sequence <number>', 'of a set: a whole number that rises with every set')
    .option('--source <source>', 'of a set: the GitSource that it is for, NAMESPACE/NAME; what the set lists no more may then end')
    .option('--expires <time>', 'of an approval or a set: its last moment, RFC 3339')
    .option('--out <file>', `of a set: where it is written (default: ${REPOSITORY_SEAL} beside trust.yaml)`)
    .option('--signer <name>', 'write the seal as FILE.NAME.sigstore.json, beside the one of another signer')
    .addOption(
      new Option('--output <form>', 'bundle and json write FILE.sigstore.json').choices(['bundle', 'resource', 'json']).default('bundle'),
    )
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => signFiles(documentsOf(files), options, terminal));
