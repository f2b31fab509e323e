import fc from '/work/main/node_modules/fast-check/lib/fast-check.js';
import { compareAll } from '/work/main/test/conformance/differences.ts';
import { arbitraryExpression } from '/work/main/test/conformance/expression-arbitrary.ts';
import { startCelOracle } from '/work/main/test/conformance/oracle.ts';
import { KNOWN_DIFFERENCES } from '/work/main/test/conformance/known-differences.ts';
const add = (name: string, fits: (d: any) => boolean) => (KNOWN_DIFFERENCES as any).push({ name, why: '', fits });
if (process.env['FILTER'] !== '0') {
add('B1', d => d.kind === 'error' && /error no such overload: (_.{1,2}_|-_|size)$/.test(d.theirs));
add('B2', d => d.kind === 'error' && /^error no such overload$/.test(d.theirs) && /no such overload: (startsWith|endsWith|contains|matches|size)/.test(d.ours));
add('B3', d => d.kind === 'error' && /unsupported comprehension range/.test(d.theirs));
add('B4', d => /join\(list/.test(d.theirs));
add('B5', d => d.ours === 'error duration overflow');
add('B6', d => /invalid qualifier type/.test(d.theirs) || /unsupported index type/.test(d.ours));
add('A1', d => /\+05:30/.test(d.theirs));
add('A3', d => /conversion error from 'int' to 'google.protobuf.Duration/.test(d.theirs));
add('A5', d => /error index out of range/.test(d.ours));
add('A6', d => /×/.test(d.theirs));
add('A7', d => /no such overload: (lastI|i)ndexOf\(list/.test(d.ours));
add('A8', d => /too many arguments supplied/.test(d.theirs));
}
const oracle = await startCelOracle();
const N = Number(process.argv[2]), seed = Number(process.argv[3]);
const t = performance.now();
const tally = await compareAll(fc.sample(arbitraryExpression(), { seed, numRuns: N }), { oracle, cost: process.argv[4] === 'cost', shrinkAtMost: Number(process.argv[5] ?? 40) });
await oracle[Symbol.asyncDispose]();
console.log({ ...tally, found: tally.found.length, s: (performance.now() - t) / 1000 });
for (const f of tally.found) console.log(`[${f.kind}] ${f.expression}\n    ours   ${f.ours}\n    theirs ${f.theirs}`);
