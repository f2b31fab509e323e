// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { finish } from './steps.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { rememberJudgements, shareJudgements } from './judge-memory.ts';
import { createJudge } from './policy-object.ts';
import type { JudgeInSteps, Judged, SealedObject } from './policy-object.ts';
import { seal } from './trust/seal.ts';
import { NOW, keyed, policyBytes, trustOf } from './trust/test-trust.ts';

const pair = generateKeyPairSync('ed25519');
const principals = [keyed('ci', pair.publicKey)];
const trust = trustOf({ principals });

const objectOf = (name: string, more = ''): SealedObject => {
  const document = policyBytes.toString().replace('name: pinned', `name: ${name}`) + more;
  return { metadata: { name }, signature: { document, bundles: [seal(Buffer.from(document), pair.privateKey)] } };
};

/** A shared judge, and how often anything was judged. */
const shared = (most = 1_000_000) => {
  let begun = 0;
  const judge = createJudge();
  const counting: JudgeInSteps = (...given) => {
    begun += 1;
    return judge(...given);
  };
  const share = shareJudgements(counting, { most });
  const ask = (object: SealedObject, by = trust, atMs = NOW): Judged => finish(share(object, by, atMs));
  return { ask, share, begun: () => begun };
};

describe('what is judged for two', () => {
  it('is judged once where bytes, seals and trust are the same, whatever object carries them', () => {
    const { ask, share, begun } = shared();
    const first = ask(objectOf('a'));
    assert.ok(first.ok);
    assert.equal(ask(structuredClone(objectOf('a'))), first);
    // The loader's memory, which has never seen it, finds it too.
    assert.equal(rememberJudgements(share).judge(objectOf('a'), trust, NOW), first);
    assert.equal(begun(), 1);
  });

  it('is no judgement of what has no seal: with a bundle beside it, it is judged as sealed', () => {
    const { ask, begun } = shared();
    const audit = trustOf({ principals, unsigned: 'Audit' });
    const { signature, ...bare } = objectOf('a');
    assert.ok(signature !== undefined);
    const plain = { ...bare, signature: { document: signature.document.replace('enforcement: Deny', 'enforcement: Audit'), bundles: [] } };
    const first = ask(plain, audit);
    assert.equal(first.ok && first.document.unsigned, true, JSON.stringify(first));
    assert.equal(ask({ ...plain, signature: { ...plain.signature, bundles: ['{}'] } }, audit).ok, false);
    assert.equal(begun(), 2);
  });

  it('keeps nothing of an object but what is judged', async () => {
    const { ask } = shared();
    const holds = (): WeakRef<object> => {
      const spec = { junk: 'x'.repeat(1000) };
      assert.ok(ask({ ...objectOf('a'), spec }).ok);
      assert.ok(
        ask({
          ...objectOf('a'),
          spec,
          signature: { document: '', ...objectOf('a').signature, bundles: [...(objectOf('a').signature?.bundles ?? []), '{}'] },
        }).ok,
      );
      return new WeakRef(spec);
    };
    const held = holds();
    setFlagsFromString('--expose-gc');
    // A reference that was read in this turn is kept until its end.
    await new Promise(setImmediate);
    runInNewContext('gc')();
    assert.equal(held.deref(), undefined);
    assert.ok(ask(objectOf('a')).ok);
  });

  it('is judged anew where the name, the bytes, the seals or the trust policy are other ones', () => {
    const { ask, begun } = shared();
    const good = objectOf('a');
    const { signature } = good;
    assert.ok(signature !== undefined && ask(good).ok);
    assert.equal(ask({ ...good, metadata: { name: 'b' } }).ok, false);
    assert.equal(ask({ ...good, signature: { ...signature, document: `${signature.document}\n` } }).ok, false);
    assert.equal(ask({ ...good, signature: { ...signature, bundles: [] } }).ok, false);
    assert.equal(ask(good, trustOf({ principals: [keyed('ci', generateKeyPairSync('ed25519').publicKey)] })).ok, false);
    assert.equal(begun(), 5);
  });

  it('is judged once, whatever bundles that count for nothing are beside its seal, each by its own under the next trust policy', () => {
    const { ask, begun } = shared();
    const good = objectOf('a');
    const { signature } = good;
    assert.ok(signature !== undefined && ask(good).ok);
    const [other, next] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    const beside = (...bundles: readonly string[]): SealedObject => ({
      ...good,
      signature: { ...signature, bundles: [...bundles, ...(signature.bundles ?? [])] },
    });
    const sealedBy = ({ privateKey }: typeof pair): string => seal(Buffer.from(signature.document), privateKey);
    const both = ask(beside('{"x":1}', sealedBy(next)));
    for (const junk of ['{"x":2}', '', sealedBy(other)]) assert.ok(ask(beside(junk)).ok);
    assert.equal(begun(), 1);
    const handedOn = trustOf({ principals: [keyed('ci', next.publicKey)] });
    const gist = (judged: Judged): unknown => judged.ok && judged.document.again(handedOn, NOW).ok;
    assert.deepEqual([gist(both), gist(ask(good))], [true, false]);
    assert.equal(ask(beside(...Array.from({ length: 8 }, (_, at) => `{"x":${at}}`))).ok, false, 'more than are read');
    const wider = trustOf({ principals: [...principals, keyed('next', next.publicKey)] });
    const signersOf = (judged: Judged): unknown => judged.ok && judged.document.signers;
    assert.deepEqual(signersOf(ask(good, wider)), ['ci']);
    assert.deepEqual(signersOf(ask(beside(sealedBy(next)), wider)), ['ci', 'next']);
  });

  it('is judged anew when time may have changed it, or was put back', () => {
    const { ask, begun } = shared();
    const [key] = principals[0]?.publicKeys ?? [];
    assert.ok(key !== undefined);
    const publicKeys = [{ ...key, validFor: { end: new Date(NOW + 1000).toISOString() } }];
    const ending = trustOf({ principals: [{ name: 'ci', publicKeys }] });
    const first = ask(objectOf('a'), ending);
    assert.ok(first.ok && first.untilMs !== undefined);
    ask(objectOf('a'), ending, first.untilMs - 1);
    assert.equal(begun(), 1);
    ask(objectOf('a'), ending, first.untilMs);
    ask(objectOf('a'), ending, NOW - 1);
    assert.equal(begun(), 3);
  });

  it('is not remembered where it is refused, nor beyond a size', () => {
    const { ask, begun } = shared(3000);
    const refused = { ...objectOf('a'), metadata: { name: 'b' } };
    for (const _ of [1, 2]) assert.equal(ask(refused).ok, false);
    assert.equal(begun(), 2);
    const long = `\n# ${'x'.repeat(1200)}\n`;
    for (const name of ['a', 'b', 'c', 'a']) assert.ok(ask(objectOf(name, long)).ok, name);
    assert.equal(begun(), 6);
    ask(objectOf('a', long));
    assert.equal(begun(), 6);
  });
});
