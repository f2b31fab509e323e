// SPDX-License-Identifier: Apache-2.0
// writ sign: seals documents, or prints them as sealed resources.
import { Command, Option } from 'commander';
import { isSource } from '../crds/wire.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { valueAt } from '../policies/document/json.ts';
import { documentsOf } from './find-files.ts';
import { UsageError, UserError, plural } from './output.ts';
import type { Terminal } from './output.ts';
import { PASSWORD_VARIABLE } from './private-key.ts';
import { resourceObject, resourceYaml } from './resource.ts';
import { REPOSITORY_SEAL, isSignerName, repositoriesOf, sealPathsOf } from './seal-files.ts';
import { DEFAULT_TERM_DAYS, readTerm, timeText } from './signing/bump.ts';
import { addSignerOptions, chooseSigner } from './signing/choose-signer.ts';
import type { SignerOptions } from './signing/choose-signer.ts';
import { otherSeals, readSealable } from './signing/sealable.ts';
import type { Sealable } from './signing/sealable.ts';
import type { Signer } from './signing/signer.ts';
import { sealOne, setBefore, setPath, writeEach, writeSet } from './signing/write-seals.ts';
import type { Written } from './signing/write-seals.ts';

type Output = 'bundle' | 'resource' | 'json';
type Proof = 'message' | 'approval' | 'set';
type Options = SignerOptions & {
  readonly signer?: string;
  readonly output: Output;
  readonly as: Proof;
  readonly sequence?: string;
  readonly source?: string;
  readonly expires?: string;
  readonly expiresIn?: string;
  readonly bump?: boolean;
  readonly out?: string;
};

const HELP = `
Each FILE is read strictly first (see \`writ lint\`): what two YAML readers may read differently is never sealed. The seal
is a Sigstore bundle over the exact bytes, which \`cosign verify-blob --key KEY.pub --bundle FILE.sigstore.json FILE\` checks
too. --output resource writes no file: it prints the object with the document and its seals, those beside FILE included.
A ruleset is sealed only when its members beside it are those whose digests it says (\`writ pin\`): they need no seals.

--as approval seals an in-toto statement that approves FILE (\`cosign verify-blob-attestation\` checks it); --as set seals one
that names all FILEs, numbered by --sequence, into one ${REPOSITORY_SEAL} (seal.NAME.sigstore.json with --signer NAME) at the
root of the repository: beside the trust.yaml in the folder of the FILEs or above it, else in the current folder.

--bump raises spec.version by one in FILE and moves spec.expires on: by --expires-in, else as far as it was from the time
that the seal before it proves, else by ${DEFAULT_TERM_DAYS} days. Every other byte stays. With --as set it raises the sequence instead.
A set with --source says what the whole repository holds: a policy that it lists no more may end. It stays when a set is bumped.

KEY is a PEM file of writ, openssl or cosign: ECDSA P-256 or P-384, Ed25519, RSA of 3072 bits or more. The password of an
encrypted one comes from ${PASSWORD_VARIABLE}, COSIGN_PASSWORD, or the person at the terminal. A key in an HSM or a KMS signs by
--signer-command, which reads the bytes (or their digest) and writes the signature, as bytes or base64; an identity by
--keyless, its token taken from --identity-token-file, SIGSTORE_ID_TOKEN, or the GitHub job in which this runs. What was
signed is verified before anything is written.

Exit codes: 0 sealed, 1 refused, 2 wrong use.

Examples:
  writ sign policies/*.yaml --key security.key
  writ sign policies/a.yaml --key security.key --bump --expires-in 90d
  writ sign policies/a.yaml --key bob.key --signer bob         a second seal, policies/a.yaml.bob.sigstore.json
  writ sign policies/a.yaml --key bob.key --as approval --expires 2027-03-01T00:00:00Z
  writ sign policies/*.yaml --key cosign.key --as set --bump
  writ sign policies/*.yaml --keyless --as set --sequence 12
  writ sign policies/a.yaml --public-key hsm.pub --signer-input digest \\
    --signer-command 'pkcs11-tool --module softhsm2.so --login --pin env:PIN --sign -m ECDSA --id 01'
  writ sign policies/a.yaml --key security.key --output resource | kubectl apply --server-side -f -
  ${PASSWORD_VARIABLE}=… writ sign trust.yaml --key root.key`;

const termOf = ({ expiresIn }: Options): number | undefined => {
  const termMs = expiresIn === undefined ? undefined : readTerm(expiresIn);
  if (expiresIn !== undefined && termMs === undefined)
    throw new UsageError(`--expires-in ${expiresIn}: write days, hours or minutes as 90d, 12h, 30m, ten years at most`);
  return termMs;
};

const predicateOf = (options: Options, terminal: Terminal): JsonObject => {
  const termMs = termOf(options);
  if (options.expires !== undefined) return { expires: new Date(options.expires).toISOString() };
  return termMs === undefined || options.as === 'message' ? {} : { expires: timeText(terminal.clock.now() + termMs) };
};

const hasSigner = ({ key, signerCommand, keyless }: Options): boolean =>
  key !== undefined || signerCommand !== undefined || keyless === true;

const checkSequence = ({ as, sequence, source, bump }: Options): void => {
  if (as !== 'set' && sequence !== undefined) throw new UsageError('--sequence belongs to --as set');
  if (as === 'set' && (sequence !== undefined) === (bump === true))
    throw new UsageError('--as set needs --sequence, a whole number that rises with every set, or --bump, which raises it');
  if (sequence !== undefined && !/^[1-9][0-9]{0,14}$/.test(sequence))
    throw new UsageError(`--sequence ${sequence}: write a whole number from 1`);
  if (source !== undefined && as !== 'set') throw new UsageError('--source belongs to --as set');
  if (source !== undefined && !isSource(source))
    throw new UsageError('--source: write NAMESPACE/NAME of the GitSource that reads the repository');
};

const checkTimes = ({ as, expires, expiresIn, bump }: Options): void => {
  if (expires !== undefined && expiresIn !== undefined) throw new UsageError('--expires and --expires-in exclude each other');
  if (expires !== undefined && as === 'message')
    throw new UsageError('--expires belongs to --as approval and --as set; a document has its own spec.expires');
  if (expires !== undefined && Number.isNaN(Date.parse(expires)))
    throw new UsageError(`--expires ${expires}: write a time as 2027-03-01T00:00:00Z`);
  if (expiresIn !== undefined && as === 'message' && bump !== true)
    throw new UsageError('--expires-in changes spec.expires, and so needs --bump');
};

const checkUse = (options: Options): void => {
  const { as, output, bump } = options;
  if (options.signer !== undefined && !isSignerName(options.signer)) throw new UsageError('--signer takes letters, digits, - and _');
  if (!hasSigner(options) && (output !== 'resource' || as !== 'message'))
    throw new UsageError('--key, --signer-command or --keyless is missing; make a key with `writ keygen`');
  checkSequence(options);
  checkTimes(options);
  if (bump === true && as === 'approval') throw new UsageError('--bump belongs to the one who publishes, not to one who approves');
  if (bump === true && output === 'resource') throw new UsageError('--bump changes the file; --output takes bundle or json with it');
  if (options.out !== undefined && as !== 'set') throw new UsageError('--out belongs to --as set');
  if (as === 'set' && output === 'resource') throw new UsageError('a set is written to a file; --output takes bundle or json');
};

type Told = { readonly written: readonly Written[]; readonly sequence: number | undefined; readonly signer: Signer };

const report = ({ written, sequence, signer }: Told, { output }: Options, terminal: Terminal): void => {
  if (output === 'json') return terminal.out(`${JSON.stringify(written, null, 2)}\n`);
  for (const { file, bundle, digest } of written) terminal.out(`${sequence === undefined ? bundle : file}  ${digest}\n`);
  if (sequence !== undefined) terminal.out(`${written[0]?.bundle ?? ''}: set ${sequence}\n`);
  terminal.err(`${plural(written.length, 'document')} sealed by ${signer.title}\n`);
};

/** A raised document leaves the seals of others behind, which they should know. */
const reportRaised = (sealables: readonly Sealable[], written: readonly Written[], terminal: Terminal): void => {
  for (const { file, document, isChanged } of sealables) {
    if (!isChanged) continue;
    const [version, expires] = ['version', 'expires'].map((name) => valueAt(document.value, ['spec', name]));
    terminal.err(
      `${file}: version ${typeof version === 'number' ? version : ''}${typeof expires === 'string' ? `, until ${expires}` : ''}\n`,
    );
    const stale = sealPathsOf(file).filter((path) => !written.some(({ bundle }) => bundle === path));
    for (const path of stale) terminal.err(`${path}: it is for the version before and counts no more\n`);
  }
};

const printResources = async (
  sealables: readonly Sealable[],
  signer: Signer | undefined,
  terminal: Terminal,
  options: Options,
): Promise<void> => {
  const proof = options.as === 'approval' ? 'approval' : 'message';
  for (const one of sealables) {
    const predicate = predicateOf(options, terminal);
    const own = signer === undefined ? undefined : await sealOne(one, signer, { proof, who: undefined, predicate });
    const bundles = [...(own === undefined ? [] : [own]), ...otherSeals(one, own)];
    if (bundles.length === 0)
      throw new UserError([{ code: 'SEAL_MISSING', message: `${one.file}: there is no seal beside it`, hint: 'give --key' }]);
    terminal.out(resourceYaml(resourceObject({ ...one, bundles })));
  }
};

const readAll = (files: readonly string[], options: Options, terminal: Terminal): readonly Sealable[] => {
  const isBumped = options.bump === true && options.as === 'message';
  const renewal = { isBumped, termMs: termOf(options), now: terminal.clock.now() };
  const read = files.map((file) => readSealable(file, renewal));
  const problems = read.flatMap((one) => ('document' in one ? [] : one));
  // All or none: a half sealed repository is refused as a whole anyway.
  if (problems.length > 0) throw new UserError(problems);
  return read.flatMap((one) => ('document' in one ? [one] : []));
};

const signFiles = async (files: readonly string[], options: Options, terminal: Terminal): Promise<void> => {
  checkUse(options);
  const sealables = readAll(files, options, terminal);
  const signer = await chooseSigner(options, repositoriesOf(files)[0] ?? '.', terminal);
  if (options.output === 'resource' || signer === undefined) return printResources(sealables, signer, terminal, options);
  const predicate = predicateOf(options, terminal);
  if (options.as === 'set') {
    const path = setPath(sealables, options);
    const before = setBefore(path);
    const sequence = options.sequence === undefined ? before.sequence + 1 : Number(options.sequence);
    const source = options.source ?? before.source;
    const set = { path, sequence, predicate: { ...(source === undefined ? {} : { source }), ...predicate } };
    return report({ written: await writeSet(sealables, signer, set), sequence, signer }, options, terminal);
  }
  const written = await writeEach(sealables, signer, { proof: options.as, who: options.signer, predicate });
  reportRaised(sealables, written, terminal);
  report({ written, sequence: undefined, signer }, options, terminal);
};

export const signCommand = (terminal: Terminal): Command =>
  addSignerOptions(
    new Command('sign')
      .description('seal documents with a key or an identity')
      .argument('<files...>', 'documents')
      .addOption(new Option('--as <proof>', 'what is signed').choices(['message', 'approval', 'set']).default('message'))
      .option('--bump', 'raise spec.version (of a set: the sequence) and move the expiry on before sealing')
      .option('--expires-in <term>', 'the new expiry, from now: 90d, 12h')
      .option('--sequence <number>', 'of a set: a whole number that rises with every set')
      .option('--source <namespace/name>', 'of a set: the GitSource that reads it; what such a set lists no more may end')
      .option('--expires <time>', 'of an approval or a set: its last moment, RFC 3339')
      .option('--out <file>', `of a set: where it is written (default: ${REPOSITORY_SEAL} beside trust.yaml)`)
      .option('--signer <name>', 'write the seal as FILE.NAME.sigstore.json, beside the one of another signer')
      .addOption(
        new Option('--output <form>', 'bundle and json write FILE.sigstore.json').choices(['bundle', 'resource', 'json']).default('bundle'),
      ),
  )
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => signFiles(documentsOf(files), options, terminal));
