// SPDX-License-Identifier: Apache-2.0
/**
 * `make fuzz`: hostile inputs by the million for the parser and checker with evaluation, and for whole decisions.
 *
 * In: `--inputs N` for each target (500,000), `--seed S` (1). Out: counts, the slowest input, findings with their seeds; exit code 1
 * where there is one.
 */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { targets } from './targets.ts';

const { values } = parseArgs({ options: { inputs: { type: 'string', default: '500000' }, seed: { type: 'string', default: '1' } } });
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
const print = (line: string): void => void process.stdout.write(`${line}\n`);

for (const [name, target] of Object.entries(targets)) {
  const started = process.cpuUsage();
  const onProgress = (done: number): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${done} of ${inputs}`);
  };
  const { outcomes, findings, slowest } = fuzz(target, { inputs, seed, onProgress });
  const { user, system } = process.cpuUsage(started);
  const perSecond = Math.round((inputs * 2_000_000) / (user + system));
  print(
    `${name}: ${inputs} inputs from seed ${seed}, each twice, ${perSecond} runs a second of processor time; ${outcomes} different outcomes or more`,
  );
  print(`  slowest: seed ${slowest.seed}, ${slowest.ms.toFixed(1)} ms: ${JSON.stringify(target.input(slowest.seed).slice(0, 200))}`);
  for (const finding of findings.slice(0, 20))
    print(`  seed ${finding.seed} ${finding.what}: ${JSON.stringify(finding.input.slice(0, 500))}`);
  print(`  findings: ${findings.length}`);
  if (findings.length > 0) process.exitCode = 1;
}
