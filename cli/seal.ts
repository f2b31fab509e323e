// SPDX-License-Identifier: Apache-2.0
// writ seal status: what is sealed in a policy repository, by whom, how long, and what is not.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { digestOf } from '../policies/document/digest.ts';
import { formatProblem } from '../policies/problem.ts';
import { loadTrust } from '../policies/trust/index.ts';
import { judgedAt } from './judged-at.ts';
import { EXIT_FINDINGS, UsageError, UserError, plural, printJson, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { TRUST_FILE, chainIn, checkDigest, readPolicyRepository, trustFrom } from './policy-repository.ts';
import { isGood, sealStatus } from './seal-status.ts';
import type { RepositoryStatus, SealStatus } from './seal-status.ts';
import { readTerm, timeText } from './signing/bump.ts';

type Options = { readonly trustDigest?: string; readonly within: string; readonly at?: string; readonly output: Format };

const HELP = `
Reads DIR as the operator reads a commit. One line a document:
  sealed     it counts                             unneeded  no rule asks for a seal
  expiring   it counts, but not beyond --within    expired   it, or the last seals that it needs, have ended
  unsealed   there is no seal                      stale     its seals are of other bytes
  few        good seals, too few for any rule      wrong     none is by whom the trust policy names
  invalid    nothing that could be enforced
Then seals that belong to no file, and files that would be left unread.

Exit codes: 0 all sealed or unneeded, 1 anything else, expiring too, 2 wrong use.

Examples:
  writ seal status
  writ seal status policies-repository --within 30d --trust-digest sha256:2c26…
  writ seal status --output json | jq -r '.documents[] | select(.standing == "expiring") | .file'`;

const endOf = ({ endsMs }: SealStatus): string => (endsMs === undefined ? '' : `, until ${timeText(endsMs - 1)}`);

const line = (status: SealStatus): string => {
  const { file, standing, signers, problems } = status;
  const by = signers.length === 0 ? '' : ` by ${signers.join(', ')}`;
  const [first] = problems;
  const why = isGood(status) || standing === 'expiring' || first === undefined ? '' : `: ${first.code}: ${first.message}`;
  return `${standing.padEnd(8)}  ${file}${by}${endOf(status)}${why}\n`;
};

const row = ({ file, standing, signers, endsMs, problems }: SealStatus): object => ({
  file,
  standing,
  signers,
  ...(endsMs === undefined ? {} : { until: timeText(endsMs - 1) }),
  problems: problems.map(problemRow),
});

const print = ({ documents, problems }: RepositoryStatus, digest: string, output: Format, terminal: Terminal): void => {
  if (output === 'json')
    return printJson(terminal, { trustDigest: digest, documents: documents.map(row), problems: problems.map(problemRow) });
  for (const status of documents) terminal.out(line(status));
  for (const problem of problems) terminal.out(`${formatProblem(problem)}\n`);
  const bad = documents.filter((status) => !isGood(status)).length + problems.length;
  terminal.err(`${plural(documents.length, 'document')}, ${bad === 0 ? 'all in order' : `${bad} not in order`}\n`);
};

const showStatus = (folder: string, options: Options, terminal: Terminal): void => {
  const withinMs = readTerm(options.within);
  if (withinMs === undefined) throw new UsageError(`--within ${options.within}: write days, hours or minutes as 14d, 12h, 30m`);
  const at = judgedAt(options.at, terminal);
  const manifest = readPolicyRepository(folder);
  const document = manifest.documents.find(({ path }) => path === TRUST_FILE);
  const path = join(folder, TRUST_FILE);
  if (document === undefined)
    throw new UserError([
      { code: 'FILE_UNREADABLE', message: `${path}: there is no such file`, hint: 'name the folder that holds trust.yaml' },
    ]);
  const pinned = checkDigest(options.trustDigest);
  const links = chainIn(manifest, folder);
  const trust = trustFrom({ ...document, path, trustedRoot: manifest.trustedRoot, chain: links, pinned, at });
  if (pinned === undefined) terminal.err(`trust assumed: --trust-digest ${trust.digest}\n`);
  const oldest = links[0];
  const way = loadTrust(document.bytes, {
    pinnedDigest: pinned ?? digestOf(oldest?.bytes ?? document.bytes),
    file: path,
    trustedRoot: manifest.trustedRoot,
    succession: { bundles: document.bundles, chain: links, at },
  });
  const trustProblems = way.ok ? [] : way.problems;
  const status = sealStatus({ manifest, folder, trust, at, withinMs, trustProblems });
  if (status.problems.length > 0 || !status.documents.every(isGood)) terminal.exit(EXIT_FINDINGS);
  print(status, trust.digest, options.output, terminal);
};

const statusCommand = (terminal: Terminal): Command =>
  new Command('status')
    .description('tell of each document of a policy repository whether its seals count, and how long')
    .argument('[dir]', 'the folder that holds trust.yaml', '.')
    .option('--within <term>', 'tell what ends within this time: 14d, 12h', '14d')
    .option('--trust-digest <digest>', 'digest that the trust policy, or the one that it follows from, must have')
    .option('--at <time>', 'judge as of this time, RFC 3339; default: now')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((folder: string, options: Options) => showStatus(folder, options, terminal));

export const sealCommand = (terminal: Terminal): Command =>
  new Command('seal')
    .description('look after the seals of a policy repository')
    .helpCommand(false)
    .addCommand(statusCommand(terminal))
    .addHelpText(
      'after',
      '\nExit codes: 0 good, 1 something was found or refused, 2 wrong use.\n\nExamples:\n  writ seal status\n  writ seal status --help',
    );
