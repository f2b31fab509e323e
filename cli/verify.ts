// SPDX-License-Identifier: Apache-2.0
// writ verify: whose seal a document bears, and by which rule it counts.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { digestOf } from '../policies/document/digest.ts';
import { formatProblem } from '../policies/problem.ts';
import { readRelease } from '../policies/ruleset/index.ts';
import { TRUSTED_ROOT_FILE, loadTrust, verifyArtifact } from '../policies/trust/index.ts';
import type { CountedSeal, Trust, VerifyOutcome } from '../policies/trust/index.ts';
import { readBytes, readText } from './files.ts';
import { documentsOf } from './find-files.ts';
import { EXIT_FINDINGS, UsageError, UserError, printJson, printProblems, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { membersBeside } from './ruleset-files.ts';
import { REPOSITORY_SEAL, readSeals } from './seal-files.ts';

type Options = {
  readonly trust: string;
  readonly trustDigest?: string;
  readonly trustedRoot?: string;
  readonly bundle?: readonly string[];
  readonly at?: string;
  readonly output: Format;
};

const HELP = `
The seals of FILE are FILE.sigstore.json and FILE.WHO.sigstore.json beside it and ${REPOSITORY_SEAL} beside the trust
policy, or those named by --bundle. Keyless seals are judged offline by the ${TRUSTED_ROOT_FILE} that the trust policy pins,
which lies beside it or is named by --trusted-root. Without --trust-digest the trust policy is taken as it lies there, and its digest is printed: give that digest to see that nobody
changed it. The members of a ruleset lie beside it and must be those that it seals. The checks are those of the operator and the webhook.

Exit codes: 0 all good, 1 at least one refused, 2 wrong use.

Examples:
  writ verify policies/*.yaml --trust trust.yaml --trust-digest sha256:2c26…
  writ verify a.yaml --trust trust.yaml --bundle a.bundle --output json
  writ verify policies/*.yaml --trust trust.yaml --at 2027-03-01T00:00:00Z     will they still count then?`;

const readTrust = (options: Options, terminal: Terminal): Trust => {
  if (options.trustDigest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(options.trustDigest))
    throw new UsageError(`--trust-digest ${options.trustDigest}: write sha256: and 64 digits from 0 to f`);
  const bytes = readBytes(options.trust);
  const digest = digestOf(bytes);
  if (options.trustDigest === undefined) terminal.err(`trust assumed: --trust-digest ${digest}\n`);
  const root = options.trustedRoot ?? join(dirname(options.trust), TRUSTED_ROOT_FILE);
  const trustedRoot = options.trustedRoot !== undefined || existsSync(root) ? readBytes(root) : undefined;
  const outcome = loadTrust(bytes, { pinnedDigest: options.trustDigest ?? digest, file: options.trust, trustedRoot });
  if (!outcome.ok) throw new UserError(outcome.problems);
  return outcome.trust;
};

const timeOf = (options: Options, terminal: Terminal): number => {
  if (options.at === undefined) return terminal.clock.now();
  const time = Date.parse(options.at);
  if (Number.isNaN(time)) throw new UsageError(`--at ${options.at}: write a time as 2027-03-01T00:00:00Z`);
  return time;
};

const timeText = (ms: number): string => new Date(ms).toISOString();

const sealRow = ({ principal, proof, by, signedAtMs, sequence }: CountedSeal): object => ({
  principal: principal.name,
  proof,
  by,
  ...(signedAtMs === undefined ? {} : { signedAt: timeText(signedAtMs) }),
  ...(sequence === undefined ? {} : { sequence }),
});

const PROOFS: Readonly<Record<CountedSeal['proof'], string>> = { message: 'the file', approval: 'an approval', set: 'a set' };

const sealLine = ({ principal, proof, by, signedAtMs, sequence }: CountedSeal): string => {
  const number = sequence === undefined ? '' : ` ${sequence}`;
  const when = signedAtMs === undefined ? 'at no proven time' : `at ${timeText(signedAtMs)}`;
  return `  ${principal.name} sealed ${PROOFS[proof]}${number} ${when}: ${by}\n`;
};

const row = (file: string, outcome: VerifyOutcome): object => {
  if (!outcome.ok) return { file, verified: false, problems: outcome.problems.map(problemRow) };
  const { document, signers, seals, rule, ignored } = outcome;
  return {
    file,
    verified: true,
    kind: document.kind,
    name: document.name,
    version: document.version,
    ...(document.expires === undefined ? {} : { expires: new Date(document.expires).toISOString() }),
    digest: document.digest,
    signers: signers.map(({ name }) => name),
    seals: seals.map(sealRow),
    rule,
    ignored: ignored.map(problemRow),
  };
};

const describe = (file: string, outcome: Extract<VerifyOutcome, { ok: true }>): string => {
  const { document, signers, seals, rule } = outcome;
  const version = document.version === 0 ? '' : ` version ${document.version}`;
  const until = document.expires === undefined ? '' : `, until ${new Date(document.expires).toISOString()}`;
  const who = signers.map(({ name }) => name).join(', ');
  const lines = seals.map(sealLine).join('');
  return `${file}: good: ${document.kind} ${document.name}${version}${until}, sealed by ${who} (spec.rules[${rule}]), ${document.digest}\n${lines}`;
};

/** A ruleset is no better than its members, which lie beside it. */
const withMembers = (file: string, outcome: VerifyOutcome): VerifyOutcome => {
  if (!outcome.ok || outcome.document.kind !== 'Ruleset') return outcome;
  const { object: ruleset, parsed } = outcome.document;
  const release = readRelease({ ruleset, parsed }, membersBeside(file, ruleset));
  const [problem] = release.ok ? [] : release.problems;
  if (release.ok || problem === undefined) return outcome;
  return { ok: false, problem, problems: release.problems, turn: outcome.turn };
};

const verifyFiles = (files: readonly string[], options: Options, terminal: Terminal): void => {
  const trust = readTrust(options, terminal);
  const at = timeOf(options, terminal);
  const forAll = readSeals(join(dirname(options.trust), 'seal'));
  const outcomes = files.map((file) => {
    const bundles = options.bundle === undefined ? [...readSeals(file), ...forAll] : options.bundle.map(readText);
    return { file, outcome: withMembers(file, verifyArtifact({ file, bytes: readBytes(file), bundles }, trust, at)) };
  });
  if (outcomes.some(({ outcome }) => !outcome.ok)) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json')
    return printJson(terminal, { trustDigest: trust.digest, documents: outcomes.map(({ file, outcome }) => row(file, outcome)) });
  for (const { file, outcome } of outcomes) {
    if (!outcome.ok) {
      printProblems(terminal, outcome.problems);
      continue;
    }
    terminal.out(describe(file, outcome));
    for (const problem of outcome.ignored) terminal.err(`${formatProblem(problem)}: not counted\n`);
  }
};

export const verifyCommand = (terminal: Terminal): Command =>
  new Command('verify')
    .description('tell whose seal documents bear, and whether it counts')
    .argument('<files...>', 'documents')
    .requiredOption('--trust <file>', 'the trust policy')
    .option('--trust-digest <digest>', 'digest that the trust policy must have, sha256:…')
    .option('--trusted-root <file>', `the Sigstore trusted root (default: ${TRUSTED_ROOT_FILE} beside the trust policy)`)
    .option('--bundle <files...>', 'seals to use instead of those beside the document')
    .option('--at <time>', 'judge as of this time, RFC 3339; default: now')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => verifyFiles(documentsOf(files), options, terminal));
