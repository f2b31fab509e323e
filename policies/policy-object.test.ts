// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestOf } from './document/digest.ts';
import { rememberJudgements } from './judge-memory.ts';
import { judgePolicyObject } from './policy-object.ts';
import type { Judged, SealedObject } from './policy-object.ts';
import { loadTrust } from './trust/index.ts';
import type { Trust } from './trust/index.ts';
import { seal, sealStatement } from './trust/seal.ts';
import { writeStatement } from './trust/statement.ts';

const DAY_MS = 24 * 3600_000;
const START = Date.UTC(2026, 0, 1);
const day = (number: number): number => START + number * DAY_MS;
const time = (number: number): string => new Date(day(number)).toISOString();

const keys = [0, 1, 2].map(() => generateKeyPairSync('ed25519'));

type Validity = { readonly start?: number | undefined; readonly end?: number | undefined };

const trustOf = (validity: readonly Validity[], threshold: number, more: object = {}): Trust => {
  const principals = validity.map(({ start, end }, index) => {
    const validFor = { ...(start === undefined ? {} : { start: time(start) }), ...(end === undefined ? {} : { end: time(end) }) };
    return { name: `p${index}`, publicKeys: [{ pem: String(keys[index]?.publicKey.export({ type: 'spki', format: 'pem' })), validFor }] };
  });
  const rules = [{ kinds: ['Policy'], allOf: [{ threshold, principals: principals.map(({ name }) => name) }] }];
  const document = { apiVersion: 'writ.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name: 'cluster' } };
  const bytes = Buffer.from(JSON.stringify({ ...document, spec: { version: 1, principals, rules, ...more } }));
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.trust;
};

const textOf = (expires?: number): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: p}
spec:
  version: 1
${expires === undefined ? '' : `  expires: "${time(expires)}"\n`}  workloads: [Agent]
  validations: [{expression: "true"}]
`;

/** `approvals`: the day on which the statement of each ends; undefined = the file itself is signed. */
const objectOf = (approvals: readonly (number | undefined)[], expires?: number): SealedObject => {
  const document = textOf(expires);
  const bytes = Buffer.from(document);
  const bundles = approvals.map((ends, index) => {
    const key = keys[index]?.privateKey;
    assert.ok(key);
    if (ends === undefined) return seal(bytes, key);
    return sealStatement(writeStatement('approval', [{ name: 'p.yaml', digest: digestOf(bytes) }], { expires: time(ends) }), key);
  });
  return { metadata: { name: 'p' }, signature: { document, bundles } };
};

/** Of several reasons why not, either may be told. */
const gist = (judged: Judged): object =>
  judged.ok ? { expiresMs: judged.document.expiresMs, signers: judged.document.signers, digest: judged.document.digest } : { ok: false };

describe('what time alone does to a judgement', () => {
  const rows: readonly {
    readonly name: string;
    readonly object: SealedObject;
    readonly trust: Trust;
    /** Day → when it ends and who signed, or why not. */
    readonly expected: readonly (readonly [day: number, outcome: readonly [endsMs: number | undefined, ...signers: string[]] | string])[];
  }[] = [
    {
      name: 'the end of a key ends the policy, which is still known afterwards',
      object: objectOf([undefined]),
      trust: trustOf([{ start: 1, end: 10 }], 1),
      expected: [
        [0, 'SEAL_KEY_NOT_VALID'],
        [1, [day(10) + 1, 'p0']],
        [10, [day(10) + 1, 'p0']],
        [11, [day(10) + 1, 'p0']],
      ],
    },
    {
      name: 'so does the end of an approval',
      object: objectOf([5]),
      trust: trustOf([{ end: 10 }], 1),
      expected: [
        [0, [day(5) + 1, 'p0']],
        [6, [day(5) + 1, 'p0']],
        [20, [day(5) + 1, 'p0']],
      ],
    },
    {
      name: 'the end of the document counts where it is earlier, and only there',
      object: objectOf([undefined], 5),
      trust: trustOf([{ end: 10 }], 1),
      expected: [
        [0, [day(5), 'p0']],
        [20, [day(5), 'p0']],
      ],
    },
    {
      name: 'a seal that is not needed leaves with its key, and the policy stands',
      object: objectOf([undefined, undefined]),
      trust: trustOf([{ end: 10 }, { end: 20 }], 1),
      expected: [
        [0, [day(20) + 1, 'p0', 'p1']],
        [11, [day(20) + 1, 'p1']],
        [21, [day(20) + 1, 'p1']],
      ],
    },
    {
      name: 'one that is needed ends it',
      object: objectOf([undefined, undefined]),
      trust: trustOf([{ end: 10 }, { end: 20 }], 2),
      expected: [
        [0, [day(10) + 1, 'p0', 'p1']],
        [30, [day(10) + 1, 'p0', 'p1']],
      ],
    },
    {
      name: 'a key that begins later brings it back',
      object: objectOf([undefined, undefined]),
      trust: trustOf([{ end: 10 }, { start: 12 }], 1),
      expected: [
        [0, [day(10) + 1, 'p0']],
        [11, [day(10) + 1, 'p0']],
        [12, [undefined, 'p1']],
      ],
    },
    {
      name: 'the end of the trust policy is no end of a policy',
      object: objectOf([undefined]),
      trust: trustOf([{ end: 10 }], 1, { expires: time(5) }),
      expected: [
        [0, [day(10) + 1, 'p0']],
        [6, 'TRUST_EXPIRED'],
        [11, 'TRUST_EXPIRED'],
      ],
    },
    {
      name: 'a key that is revoked has no last good moment',
      object: objectOf([undefined, undefined]),
      trust: trustOf([{ end: 10 }, { end: 3 }], 1, { revoked: { principals: ['p0'] } }),
      expected: [
        [0, [day(3) + 1, 'p1']],
        [11, [day(3) + 1, 'p1']],
      ],
    },
  ];
  for (const { name, object, trust, expected } of rows) {
    it(name, () => {
      for (const [number, outcome] of expected) {
        const judged = judgePolicyObject(object, trust, day(number));
        const found = judged.ok ? [judged.document.expiresMs, ...judged.document.signers] : judged.problem.code;
        assert.deepEqual(found, outcome, `on day ${number}`);
      }
    });
  }

  it('other bytes under a seal that has ended are refused as they were', () => {
    const object = objectOf([undefined]);
    const forged: SealedObject = { ...object, signature: { document: textOf(9), bundles: object.signature?.bundles ?? [] } };
    const judged = judgePolicyObject(forged, trustOf([{ end: 10 }], 1), day(11));
    assert.equal(judged.ok ? '' : judged.problem.code, 'SEAL_DIGEST_MISMATCH');
  });

  it('a process that remembers says at each moment what one says that starts then', () => {
    const optionalDay = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
    const one = fc.record({ start: optionalDay, end: optionalDay, statement: optionalDay });
    const isTerm = ({ start, end }: Validity): boolean => start === undefined || end === undefined || start < end;
    const world = fc.record({
      seals: fc.array(one.filter(isTerm), { minLength: 1, maxLength: 3 }),
      threshold: fc.integer({ min: 1, max: 3 }),
      expires: optionalDay,
      looks: fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 14 }), fc.constantFrom(-1, 0, 1)), { maxLength: 10, selector: String }),
    });
    fc.assert(
      fc.property(world, ({ seals, threshold, expires, looks }) => {
        const trust = trustOf(seals, Math.min(threshold, seals.length));
        const object = objectOf(
          seals.map(({ statement }) => statement),
          expires,
        );
        const memory = rememberJudgements();
        for (const atMs of looks.map(([number, offset]) => day(number) + offset).toSorted((a, b) => a - b)) {
          assert.deepEqual(
            gist(memory.judge(object, trust, atMs)),
            gist(judgePolicyObject(object, trust, atMs)),
            new Date(atMs).toISOString(),
          );
        }
      }),
      { numRuns: 60 },
    );
  });
});
