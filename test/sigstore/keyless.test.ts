// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ProblemCode } from '../../policies/problem.ts';
import { verify } from '../../policies/trust/index.ts';
import { readDer } from '../../policies/trust/der.ts';
import { hintOf } from '../../policies/trust/key.ts';
import { NOW, codeFor, codeOf, keyed, policyBytes as bytes, trustOf } from '../../policies/trust/test-trust.ts';
import { authority, isAuthority, p256, purpose, sha256 } from './certificates.ts';
import type { Extension } from './certificates.ts';
import { element, octets, sequence, utf8Text } from './der-writer.ts';
import { alternativeNames, mailName, uriName } from './fulcio.ts';
import type { Identity } from './fulcio.ts';
import { createSigstore } from './index.ts';
import type { Json, SealOptions } from './index.ts';
import { MATERIAL, bytesAt, entryOf, inside, textAt } from './json-fields.ts';
import { enter, signNote } from './rekor.ts';
import {
  FULCIO,
  SIGNED_AT,
  ISSUER,
  SUBJECT,
  identity,
  ci,
  sigstore,
  trustedRoot,
  key,
  trust,
  message,
  statementOf,
  keyless,
  text,
  material,
} from './keyless-world.ts';

describe('a good keyless seal', () => {
  const contents = [
    ['a message', message, 'message'],
    ['an approval', statementOf('approval'), 'approval'],
    ['a set', statementOf('set'), 'set'],
  ] as const;
  const evidence = [
    ['Rekor v1', { log: 1 }, 1000],
    ['Rekor v1 and a timestamp', { log: 1, timestamps: 1 }, 1000],
    ['Rekor v2 and a timestamp', { log: 2 }, 2000],
    ['Rekor v2 and two timestamps', { log: 2, timestamps: 2 }, 2000],
    ['an early Rekor v2', { log: 2, earlyTiles: true }, 2000],
  ] as const;
  for (const [what, content, proof] of contents) {
    for (const [by, options, afterMs] of evidence) {
      it(`over ${what}, with ${by}`, () => {
        const outcome = verify(bytes, [text(keyless({ content, ...options }))], trust, NOW);
        assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
        const [seal] = outcome.seals;
        assert.deepEqual([seal?.principal.name, seal?.proof, seal?.signedAtMs], ['ci', proof, SIGNED_AT + afterMs]);
        assert.equal(seal?.by, `${SUBJECT}, vouched for by ${ISSUER}`);
      });
    }
  }

  it('by a person', () => assert.equal(codeFor(text(keyless({ identity: { issuer: ISSUER, subject: 'ann@example.com' } })), trust), 'ok'));

  it('by a P-384 key over an approval', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const wrong = keyless({ content: statementOf('approval'), key: pair });
    // The stack signs SHA-256, which is not what this curve stands for.
    assert.equal(codeFor(text(wrong), trust), 'SEAL_SIGNATURE');
  });

  it('in the older formats, the certificate in a chain', () => {
    for (const version of ['0.1', '0.2']) {
      const bundle = keyless();
      const { certificate, ...rest } = material(bundle);
      const [intermediate, root] = [sigstore.fulcio.intermediate.der, sigstore.fulcio.root.der].map((der) => ({
        rawBytes: der.toString('base64'),
      }));
      const chained = {
        ...bundle,
        mediaType: `application/vnd.dev.sigstore.bundle+json;version=${version}`,
        verificationMaterial: { ...rest, x509CertificateChain: { certificates: [certificate, intermediate] } },
      };
      assert.equal(codeFor(JSON.stringify(chained), trust), 'ok');
      const rooted = { certificates: [certificate, intermediate, root] };
      assert.equal(
        codeFor(JSON.stringify({ ...chained, verificationMaterial: { ...rest, x509CertificateChain: rooted } }), trust),
        'SEAL_CERTIFICATE',
      );
      const stranger = { rawBytes: authority('stranger').der.toString('base64') };
      const chain = { certificates: [certificate, stranger] };
      assert.equal(
        codeFor(JSON.stringify({ ...chained, verificationMaterial: { ...rest, x509CertificateChain: chain } }), trust),
        'SEAL_CERTIFICATE',
      );
      const loop = { certificates: [certificate, certificate, certificate] };
      assert.equal(
        codeFor(JSON.stringify({ ...chained, verificationMaterial: { ...rest, x509CertificateChain: loop } }), trust),
        'SEAL_CERTIFICATE',
      );
      const many = { certificates: Array.from({ length: 9 }, () => certificate) };
      assert.equal(
        codeFor(JSON.stringify({ ...chained, verificationMaterial: { ...rest, x509CertificateChain: many } }), trust),
        'SEAL_TOO_LARGE',
      );
    }
  });

  it('counts as one principal, however often it is made', () => {
    const two = trustOf({ principals: [ci, keyed('held', key.publicKey)], threshold: 2, trustedRoot });
    const seals = [keyless(), keyless({ log: 2 })].map(text);
    assert.equal(codeOf(verify(bytes, seals, two, NOW)), 'SEAL_THRESHOLD');
    assert.equal(codeOf(verify(bytes, [...seals, text(sigstore.seal({ content: message, key, atMs: SIGNED_AT }))], two, NOW)), 'ok');
  });
});

describe('a keyless seal is refused', () => {
  const extended = (change: (extensions: readonly Extension[]) => readonly Extension[]): string =>
    text(keyless({ leaf: { extensions: change } }));
  const replaced = (id: string, value: Buffer): string =>
    extended((list) => list.map((extension) => (extension.oid === id ? { ...extension, value } : extension)));
  const without = (id: string): string => extended((list) => list.filter((extension) => extension.oid !== id));
  const as = (changes: Partial<Identity>): string => text(keyless({ identity: { ...identity, ...changes } }));
  const changed = (bundle: Json, change: (bundle: Json) => void): string => {
    change(bundle);
    return text(bundle);
  };
  const withSct = (change: (sct: Buffer) => Buffer): string => text(keyless({ leaf: { sct: change } }));
  const names = (...list: readonly Buffer[]): string => replaced('2.5.29.17', alternativeNames(...list).value);
  const stranger = createSigstore();
  const selfMade = authority('test intermediate');
  const stampOf = (bundle: Json, change: Parameters<typeof sigstore.timestamps.stamp>[2], atMs = SIGNED_AT): string => {
    const signature = bytesAt(inside(bundle, 'messageSignature'), 'signature');
    const stamp = sigstore.timestamps.stamp(signature, atMs, change).toString('base64');
    return changed(bundle, (b) =>
      Object.assign(material(b), { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: stamp }] } }),
    );
  };

  /** The entry with another content, as the log would keep it. */
  const resigned = (change: (spec: Json) => unknown): string => {
    const bundle = keyless();
    const body: Json = JSON.parse(bytesAt(entryOf(bundle), 'canonicalizedBody').toString());
    change(body['spec']!);
    const entry = enter(sigstore.logs[0], { kind: 'hashedrekord', version: '0.0.1', spec: body['spec']!, atMs: SIGNED_AT + 1000 });
    return changed(bundle, (b) => Object.assign(material(b), { tlogEntries: [entry] }));
  };

  /** One length in an extension written the long way, which a lenient reader writes back as it was. */
  const respelt = (): string => {
    const plain = utf8Text('refs/heads/main');
    const long = Buffer.concat([Buffer.from([0x0c, 0x81]), plain.subarray(1)]);
    const rewrite = (der: Buffer): Buffer =>
      Buffer.concat(
        (readDer(der) ?? []).map(({ tag, content }) => {
          if (tag === 0x04 && content.equals(plain)) return element(tag, long);
          return (tag & 0x20) === 0 ? element(tag, content) : element(tag, rewrite(content));
        }),
      );
    const bundle = keyless();
    const certificate = rewrite(bytesAt(inside(bundle, MATERIAL, 'certificate'), 'rawBytes'));
    const signature = bytesAt(inside(bundle, 'messageSignature'), 'signature');
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
    const spec = {
      data: { hash: { algorithm: 'sha256', value: sha256(bytes).toString('hex') } },
      signature: { content: signature.toString('base64'), publicKey: { content: Buffer.from(pem).toString('base64') } },
    };
    const entry = enter(sigstore.logs[0], { kind: 'hashedrekord', version: '0.0.1', spec, atMs: SIGNED_AT + 1000 });
    return changed(bundle, (b) =>
      Object.assign(material(b), { certificate: { rawBytes: certificate.toString('base64') }, tlogEntries: [entry] }),
    );
  };

  const rows: readonly (readonly [name: string, bundle: string, code: ProblemCode | 'ok'])[] = [
    // identity
    ['by a workflow whose name goes on (T2)', as({ subject: `${SUBJECT}-evil` }), 'SEAL_UNKNOWN_IDENTITY'],
    ['by a subject that a pattern would take (T2)', as({ subject: SUBJECT.replace('.', 'x') }), 'SEAL_UNKNOWN_IDENTITY'],
    ['by a subject in capitals', as({ subject: SUBJECT.toUpperCase() }), 'SEAL_UNKNOWN_IDENTITY'],
    ['by another issuer', as({ issuer: `${ISSUER}.evil` }), 'SEAL_UNKNOWN_IDENTITY'],
    [
      'from another repository (T10)',
      as({ oids: { ...identity.oids, 12: 'https://git.example.com/acme/policies2' } }),
      'SEAL_UNKNOWN_IDENTITY',
    ],
    ['from a repository that took over the name', as({ oids: { ...identity.oids, 15: '1' } }), 'SEAL_UNKNOWN_IDENTITY'],
    [
      'without the number of the repository',
      as({ oids: { 5: 'acme/policies', 12: 'https://git.example.com/acme/policies' } }),
      'SEAL_UNKNOWN_IDENTITY',
    ],
    [
      'with the repository as bare text',
      replaced(`${FULCIO}12`, Buffer.from('https://git.example.com/acme/policies')),
      'SEAL_UNKNOWN_IDENTITY',
    ],
    [
      'with the repository under a NUL',
      replaced(`${FULCIO}12`, utf8Text('https://git.example.com/acme/policies\0')),
      'SEAL_UNKNOWN_IDENTITY',
    ],
    [
      'with letters whose low bits are the right ones',
      replaced(`${FULCIO}5`, Buffer.from(Buffer.from('acme/policies', 'latin1').map((byte) => byte | 0x80))),
      'SEAL_UNKNOWN_IDENTITY',
    ],
    ['with two names, the right one first', names(uriName(SUBJECT), uriName('https://evil')), 'SEAL_CERTIFICATE'],
    ['with two names, the right one last', names(mailName('evil@example.com'), uriName(SUBJECT)), 'SEAL_CERTIFICATE'],
    ['without a name', names(), 'SEAL_CERTIFICATE'],
    ['with a name that is no ASCII', names(uriName(`${SUBJECT}\u00e9`)), 'SEAL_CERTIFICATE'],
    ['without an issuer', extended((list) => list.filter(({ oid: id }) => id !== `${FULCIO}1` && id !== `${FULCIO}8`)), 'SEAL_CERTIFICATE'],
    ['with an issuer that is no text', replaced(`${FULCIO}8`, octets(Buffer.from(ISSUER))), 'SEAL_CERTIFICATE'],
    ['with the repository twice', extended((list) => [...list, { oid: `${FULCIO}12`, value: utf8Text('x') }]), 'SEAL_CERTIFICATE'],
    // certificate
    ['by a certificate for servers', replaced('2.5.29.37', purpose('1.3.6.1.5.5.7.3.1').value), 'SEAL_CERTIFICATE'],
    ['by a certificate for nothing in particular', without('2.5.29.37'), 'SEAL_CERTIFICATE'],
    ['by a certificate of an authority', extended((list) => [...list, isAuthority]), 'SEAL_CERTIFICATE'],
    ['by a key that may not sign', replaced('2.5.29.15', sequence()), 'SEAL_CERTIFICATE'],
    ['by another Fulcio', text({ ...stranger.seal({ content: message, identity, atMs: SIGNED_AT }) }), 'SEAL_LOG'],
    ['by a self-made authority of the same name', text(keyless({ leaf: { signer: selfMade } })), 'SEAL_CERTIFICATE'],
    ['by an RSA key of 2048 bits', text(keyless({ key: generateKeyPairSync('rsa', { modulusLength: 2048 }) })), 'SEAL_KEY_WEAK'],
    ['by another curve', text(keyless({ key: generateKeyPairSync('ec', { namedCurve: 'P-521' }) })), 'SEAL_UNSUPPORTED'],
    ['made before the certificate', text(keyless({ entry: { atMs: SIGNED_AT - 1000 } })), 'SEAL_CERTIFICATE'],
    ['made after the certificate', text(keyless({ entry: { atMs: SIGNED_AT + 601_000 } })), 'SEAL_CERTIFICATE'],
    ['with one good time and one outside the certificate', stampOf(keyless(), {}, SIGNED_AT + 700_000), 'SEAL_CERTIFICATE'],
    // certificate log
    ['without an SCT', text(keyless({ leaf: { sct: 'none' } })), 'SEAL_SCT'],
    ['with an SCT of another log', text(keyless({ leaf: { sctKey: p256() } })), 'SEAL_SCT'],
    [
      'with an SCT of another time',
      withSct((sct) => {
        sct[40] = sct[40]! ^ 1;
        return sct;
      }),
      'SEAL_SCT',
    ],
    [
      'with an SCT of another signature',
      withSct((sct) => {
        sct[sct.length - 1] = sct.at(-1)! ^ 1;
        return sct;
      }),
      'SEAL_SCT',
    ],
    ['with an SCT cut short', withSct((sct) => sct.subarray(0, 20)), 'SEAL_MALFORMED'],
    // log
    ['without a log entry', text(keyless({ log: 'none', timestamps: 1 })), 'SEAL_LOG'],
    ['by a log that is not trusted', text(keyless({ entry: { signer: p256() } })), 'SEAL_LOG'],
    ['with a v2 entry that another key signed', text(keyless({ log: 2, entry: { signer: generateKeyPairSync('ed25519') } })), 'SEAL_LOG'],
    [
      'with the entry of another signature',
      changed(keyless(), (b) => Object.assign(material(b), { tlogEntries: [entryOf(keyless())] })),
      'SEAL_LOG',
    ],
    [
      'with the same entry twice',
      changed(keyless(), (b) => Object.assign(material(b), { tlogEntries: [entryOf(b), entryOf(b)] })),
      'SEAL_TIMESTAMP',
    ],
    [
      'with the same v2 entry twice',
      changed(keyless({ log: 2 }), (b) => Object.assign(material(b), { tlogEntries: [entryOf(b), entryOf(b)] })),
      'SEAL_LOG',
    ],
    ['without a proof', changed(keyless(), (b) => delete entryOf(b)['inclusionProof']), 'SEAL_MALFORMED'],
    ['with a promise taken off', changed(keyless(), (b) => delete entryOf(b)['inclusionPromise']), 'SEAL_LOG'],
    [
      'with a checkpoint of another log',
      changed(keyless(), (b) =>
        Object.assign(entryOf(b)['inclusionProof']!['checkpoint']!, {
          envelope: signNote('rekor1.test\n11\nAAAA\n', sigstore.logs[0], p256()),
        }),
      ),
      'SEAL_LOG',
    ],
    [
      'with an entry that names another signer for the same signature',
      resigned((spec) =>
        Object.assign(spec['signature']!, {
          publicKey: { content: Buffer.from(sigstore.fulcio.root.der.toString('base64')).toString('base64') },
        }),
      ),
      'SEAL_LOG',
    ],
    ['with an entry that was only logged again', resigned(() => undefined), 'ok'],
    [
      'with a checkpoint under a part of the name of its log',
      changed(keyless(), (b) => {
        const checkpoint = inside(entryOf(b), 'inclusionProof', 'checkpoint');
        const [note = ''] = textAt(checkpoint, 'envelope').split('\n\n');
        Object.assign(checkpoint, {
          envelope: signNote(`${note}\n`, { ...sigstore.logs[0], host: 'rekor1' }, sigstore.logs[0].key),
        });
      }),
      'SEAL_LOG',
    ],
    ['with a certificate in other bytes than those that were signed', respelt(), 'SEAL_CERTIFICATE'],
    ['with an entry of an unknown kind', text(keyless({ entry: { kind: 'rekord', version: '0.0.1' } })), 'SEAL_LOG'],
    ['with an entry of another version', text(keyless({ entry: { version: '0.0.9' } })), 'SEAL_LOG'],
    // time
    ['with no time at all', text(keyless({ log: 2, timestamps: 0 })), 'SEAL_TIMESTAMP'],
    [
      'with a time that only the entry claims',
      changed(keyless({ log: 2, timestamps: 0 }), (b) => Object.assign(entryOf(b), { integratedTime: String(SIGNED_AT / 1000) })),
      'SEAL_LOG',
    ],
    [
      'with the same timestamp twice',
      changed(keyless({ log: 2 }), (b) => {
        const data = inside(b, MATERIAL, 'timestampVerificationData');
        const stamp = inside(data, 'rfc3161Timestamps', 0);
        Object.assign(data, { rfc3161Timestamps: [stamp, stamp] });
      }),
      'SEAL_TIMESTAMP',
    ],
    ['with a timestamp by another authority', stampOf(keyless({ log: 2 }), { signer: p256() }), 'SEAL_TIMESTAMP'],
    ['with a timestamp that was not granted', stampOf(keyless({ log: 2 }), { status: 2 }), 'SEAL_TIMESTAMP'],
    [
      'with a timestamp whose attributes speak of another type',
      stampOf(keyless({ log: 2 }), { contentType: '1.2.840.113549.1.7.1' }),
      'SEAL_TIMESTAMP',
    ],
    ['with a timestamp of something else', stampOf(keyless({ log: 2 }), { digest: Buffer.alloc(32) }), 'SEAL_TIMESTAMP'],
    ['with a timestamp from before the authority', stampOf(keyless({ log: 2 }), {}, Date.UTC(2020, 6, 1)), 'SEAL_TIMESTAMP'],
    [
      'with a timestamp that is none',
      changed(keyless({ log: 2 }), (b) =>
        Object.assign(material(b), { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: 'MAA=' }] } }),
      ),
      'SEAL_TIMESTAMP',
    ],
  ];
  for (const [name, bundle, code] of rows) it(name, () => assert.equal(codeFor(bundle, trust), code));

  it('where it was made for another file', () => {
    for (const content of [message, statementOf('approval'), statementOf('set')])
      assert.equal(codeFor(text(keyless({ content })), trust, Buffer.from(`${bytes.toString()}#`)), 'SEAL_DIGEST_MISMATCH');
  });

  it('where principal or key are revoked', () => {
    const pair = p256();
    for (const revoked of [{ principals: ['ci'] }, { keys: [hintOf(pair.publicKey)] }])
      assert.equal(codeFor(text(keyless({ key: pair })), trustOf({ principals: [ci], revoked, trustedRoot })), 'SEAL_REVOKED');
  });

  it('where the trust policy pins no trusted root, or the file is not there', () => {
    assert.equal(codeFor(text(keyless()), trustOf({ principals: [ci] })), 'TRUST_ROOT_MISSING');
  });

  it('where nobody of that identity is a principal (T3)', () =>
    assert.equal(codeFor(text(keyless()), trustOf({ principals: [keyed('held', key.publicKey)], trustedRoot })), 'SEAL_UNKNOWN_IDENTITY'));

  it('where log or authority were out of service then', () => {
    const ended = (section: string, isLog: boolean): Buffer =>
      sigstore.trustedRoot((root) => {
        for (const entry of Object.values(inside(root, section)))
          Object.assign(inside(entry, ...(isLog ? ['publicKey'] : []), 'validFor'), { end: '2025-01-01T00:00:00Z' });
      });
    const judge = (root: Buffer, options: Partial<SealOptions> = {}): string =>
      codeFor(text(keyless(options)), trustOf({ principals: [ci], trustedRoot: root }));
    assert.equal(judge(ended('tlogs', true)), 'SEAL_LOG');
    assert.equal(judge(ended('tlogs', true), { log: 2 }), 'SEAL_LOG');
    assert.equal(judge(ended('ctlogs', true)), 'SEAL_SCT');
    assert.equal(judge(ended('certificateAuthorities', false)), 'SEAL_CERTIFICATE');
    assert.equal(judge(ended('timestampAuthorities', false), { log: 2 }), 'SEAL_TIMESTAMP');
  });
});
