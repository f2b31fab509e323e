// SPDX-License-Identifier: Apache-2.0
// Whatever is nested without end is refused with a code, and what was written so while nobody was asked can be replaced.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_DEPTH } from '../../policies/document/complexity.ts';
import { handleGuard } from './index.ts';
import { answerOf, depsOf, enforced, reviewOf, three, two } from './test-guard.ts';
import type { Change } from './test-guard.ts';

const nested = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

/** Of a change in which the text DEEP stands for so many levels. */
const said = async (change: Change, levels: number): Promise<string> => {
  const { allowed, code, fields } = answerOf(await handleGuard(reviewOf(change).replaceAll('"DEEP"', nested(levels)), depsOf(enforced)));
  return allowed ? 'pass' : `${code} ${fields}`;
};

const deepSpec = { ...two, spec: 'DEEP' };
const unsigned = { metadata: { name: 'x' }, spec: 'DEEP' };
const labelled = { ...deepSpec, metadata: { ...two.metadata, labels: { a: 'b' } } };

describe('an object that is nested without end', () => {
  for (const levels of [MAX_DEPTH + 1, 900, 3000, 6000, 9000]) {
    it(`is refused with a code: ${levels} levels`, async () => {
      assert.equal(await said({ after: unsigned }, levels), 'DOCUMENT_TOO_COMPLEX spec');
      assert.equal(await said({ after: deepSpec }, levels), 'DOCUMENT_TOO_COMPLEX spec');
      assert.equal(await said({ before: deepSpec, after: labelled }, levels), 'DOCUMENT_TOO_COMPLEX spec');
      assert.equal(await said({ before: two, after: { ...three, signature: 'DEEP' } }, levels), 'DOCUMENT_TOO_COMPLEX signature');
    });

    it(`gives way to a good one: ${levels} levels`, async () => {
      assert.equal(await said({ before: deepSpec, after: three }, levels), 'pass');
      assert.equal(await said({ before: unsigned, after: three }, levels), 'pass');
      assert.equal(await said({ before: unsigned, name: 'x' }, levels), 'pass');
    });
  }

  it('is looked at where it is as deep as documents may be', async () => {
    assert.equal(await said({ after: deepSpec }, MAX_DEPTH), 'SPEC_DIFFERS spec.version');
  });

  it('may keep the ownership of its fields', async () => {
    const owned = { ...two, metadata: { ...two.metadata, managedFields: [{ fieldsV1: 'DEEP' }] } };
    assert.equal(await said({ before: owned, after: owned }, 900), 'pass');
  });
});
