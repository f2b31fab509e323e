// SPDX-License-Identifier: Apache-2.0
/**
 * Asks Kubernetes' own code what it would say: `cel-oracle` about an expression, `policy-oracle` about whole
 * ValidatingAdmissionPolicies. Both are verbs of the program in `test/cluster/control-plane`, which answers one JSON line
 * for each that it reads; no server runs.
 *
 * In: questions, as many at a time as one likes (thousands a second). Out: the answers in the same order. Only tests
 * import this: it is what the product is measured against.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ensureBuilt } from '../cluster/go-build.ts';

export type Verb = 'cel-oracle' | 'policy-oracle';

export type Oracle<Answer> = {
  /** Questions are JSON text, so that `1.0`, 2^63 and doubled keys arrive as they were written. */
  ask(questions: readonly string[]): Promise<readonly Answer[]>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type CelIssue = { readonly text: string; readonly line: number; readonly column: number };
export type CelFailure = CelIssue & { readonly kind: 'compile' | 'program' | 'runtime' | 'panic'; readonly issues?: readonly CelIssue[] };
export type CelResult = { readonly value?: unknown; readonly cost?: number; readonly error?: CelFailure };
export type CelAnswer = { readonly type?: string; readonly error?: CelFailure; readonly results?: readonly CelResult[] };

export type PolicyDenial = {
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly causes: readonly string[];
};
export type PolicyStep = {
  readonly policy: string;
  readonly validation: number;
  readonly action: 'admit' | 'deny';
  readonly evaluation: 'admit' | 'deny' | 'error';
  readonly message: string;
  readonly reason: string;
};
export type PolicyVerdict = {
  readonly deny: PolicyDenial | null;
  readonly decisions: readonly PolicyStep[];
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly failed?: string;
};
export type PolicyAnswer = {
  readonly refused: Readonly<Record<string, readonly string[]>>;
  readonly answers: readonly PolicyVerdict[];
};

export type CelQuestion = {
  readonly expression: string;
  /** Declared type (as the checker prints types) by variable; every one needs a value in each input. */
  readonly variables: Readonly<Record<string, string>>;
  /** JSON text by variable; one evaluation each. */
  readonly inputs: readonly Readonly<Record<string, string>>[];
  /** The Kubernetes minor that a new expression must suit; without it the newest environment. */
  readonly version?: string;
};

const objectText = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`;

export const celQuestion = ({ expression, variables, inputs, version }: CelQuestion): string =>
  objectText([
    ['expression', JSON.stringify(expression)],
    ['variables', objectText(Object.entries(variables).map(([name, type]) => [name, JSON.stringify({ type })]))],
    ['inputs', `[${inputs.map((input) => objectText(Object.entries(input))).join(',')}]`],
    ...(version === undefined ? [] : [['version', JSON.stringify(version)] as const]),
  ]);

type Waiting = { readonly resolve: (line: string) => void; readonly reject: (reason: Error) => void };

const failureOf = (answer: unknown): string | undefined =>
  typeof answer === 'object' && answer !== null && 'failed' in answer && !('decisions' in answer) ? String(answer.failed) : undefined;

/** What Kubernetes' own code breaks down over is an answer too, one that no engine need repeat. */
const brokenDown = (failed: string): CelAnswer | undefined =>
  failed.startsWith('panic: ')
    ? { error: { kind: 'panic', text: failed.slice('panic: '.length).split('\n', 1)[0] ?? '', line: 0, column: 0 } }
    : undefined;

const startOracle = async <Answer>(verb: Verb, answerToPanic: (failed: string) => Answer | undefined): Promise<Oracle<Answer>> => {
  const program = await ensureBuilt();
  // Its input is our pipe: when we end, however we end, it reads the end of it and ends too.
  const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child, 'spawn');
  const waiting: Waiting[] = [];
  createInterface({ input: child.stdout, crlfDelay: Infinity }).on('line', (line) => waiting.shift()?.resolve(line));
  const closed = once(child, 'close').then(() => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${verb} ended before it answered`));
  });
  child.stdin.on('error', () => undefined); // `closed` tells it better
  const answerOf = (line: string): Answer => {
    const answer: Answer = JSON.parse(line);
    const failed = failureOf(answer);
    if (failed === undefined) return answer;
    const broken = answerToPanic(failed);
    if (broken === undefined) throw new Error(`${verb}: ${failed}`);
    return broken;
  };
  return {
    ask: async (questions) => {
      const lines = questions.map(() => Promise.withResolvers<string>());
      waiting.push(...lines);
      child.stdin.write(questions.map((question) => `${question}\n`).join(''));
      return (await Promise.all(lines.map((line) => line.promise))).map(answerOf);
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await closed;
    },
  };
};

export const startCelOracle = (): Promise<Oracle<CelAnswer>> => startOracle<CelAnswer>('cel-oracle', brokenDown);
export const startPolicyOracle = (): Promise<Oracle<PolicyAnswer>> => startOracle<PolicyAnswer>('policy-oracle', () => undefined);
