// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { POLICY, temporaryFolder, trustPolicy } from '../spawn-writ.ts';
import type { Folder, Ran } from '../spawn-writ.ts';
import { splitCommand } from './command-line.ts';

const NODE = process.execPath;
/** A signer that is a script: node, so that no other program is needed. */
const script = (body: string): string =>
  `const {sign,createPrivateKey}=require('node:crypto');const fs=require('node:fs');const key=createPrivateKey(fs.readFileSync('k.key'));const input=fs.readFileSync(0);${body}`;

const scene = (type = 'ecdsa-p256'): Folder => {
  const folder = temporaryFolder();
  assert.equal(folder.writ(['keygen', '--name', 'k', '--type', type]).code, 0);
  folder.write({ 'a.yaml': POLICY, 'trust.yaml': trustPolicy({ hsm: readFileSync(join(folder.path, 'k.pub'), 'utf8') }) });
  return folder;
};
const sign = (folder: Folder, command: string, ...args: readonly string[]): Ran =>
  folder.writ(['sign', 'a.yaml', '--public-key', 'k.pub', '--signer-command', command, ...args]);
const withScript = (folder: Folder, body: string, ...args: readonly string[]): Ran => {
  folder.write({ 's.cjs': script(body) });
  return sign(folder, `${NODE} s.cjs`, ...args);
};
const isGood = (folder: Folder): boolean => folder.writ(['verify', 'a.yaml', '--trust', 'trust.yaml']).code === 0;
const isSealed = (folder: Folder): boolean => existsSync(join(folder.path, 'a.yaml.sigstore.json'));

describe('sign --signer-command', () => {
  for (const [name, type, body] of [
    ['DER', 'ecdsa-p256', `process.stdout.write(sign('sha256',input,key))`],
    ['base64 with line ends', 'ecdsa-p384', `console.log(sign('sha384',input,key).toString('base64').replace(/.{20}/g,'$&\\n'))`],
    ['r and s side by side', 'ecdsa-p256', `process.stdout.write(sign('sha256',input,{key,dsaEncoding:'ieee-p1363'}))`],
    ['r and s in base64', 'ecdsa-p384', `console.log(sign('sha384',input,{key,dsaEncoding:'ieee-p1363'}).toString('base64'))`],
    ['Ed25519', 'ed25519', `process.stdout.write(sign(null,input,key))`],
    ['RSA', 'rsa-4096', `process.stdout.write(sign('sha256',input,key))`],
  ] as const) {
    it(`takes ${name}`, () => {
      using folder = scene(type);
      const { code, out, err } = withScript(folder, body);
      assert.equal(code, 0, err);
      assert.match(out, /^a\.yaml\.sigstore\.json {2}sha256:/);
      assert.ok(isGood(folder));
    });
  }

  it('gives the digest where that is asked for, and tells what it wants', () => {
    using folder = scene('rsa-4096');
    const info = '3031300d060960864801650304020105000420';
    const body = `const {privateEncrypt,constants}=require('node:crypto');if(process.env.WRIT_SIGNER_ALGORITHM!=='RSASSA_PKCS1_V1_5_SHA_256'||process.env.WRIT_SIGNER_INPUT!=='digest')process.exit(9);process.stdout.write(privateEncrypt({key,padding:constants.RSA_PKCS1_PADDING},Buffer.concat([Buffer.from('${info}','hex'),input])))`;
    assert.equal(withScript(folder, body, '--signer-input', 'digest').code, 0);
    assert.ok(isGood(folder));
    using other = scene('ed25519');
    assert.match(withScript(other, '', '--signer-input', 'digest').err, /SIGNER_FAILED: .*Ed25519 signs no digest/);
  });

  it('seals approvals and sets too', () => {
    using folder = scene();
    assert.equal(withScript(folder, `process.stdout.write(sign('sha256',input,key))`, '--as', 'set', '--bump').code, 0);
    assert.ok(isGood(folder));
  });

  for (const [name, body, words] of [
    [
      'a signature by another key',
      `process.stdout.write(sign('sha256',input,require('node:crypto').generateKeyPairSync('ec',{namedCurve:'P-256'}).privateKey))`,
      /\(7\d bytes\) is no signature by ECDSA P-256 key/,
    ],
    ['a signature of other bytes', `process.stdout.write(sign('sha256','x',key))`, /is no signature/],
    ['nothing', '', /\(0 bytes\) is no signature/],
    ['a failure', `console.error('no card');process.exit(3)`, /it ended with exit code 3: no card/],
    ['more than is read', `process.stdout.write(Buffer.alloc(1e6))`, /it wrote more than 8192 bytes/],
    [
      'nothing in time, itself nor what it started',
      `require('node:child_process').spawn(process.execPath,['-e','setInterval(()=>{},1e3)'],{stdio:'inherit'});setInterval(()=>{},1e3)`,
      /it did not end within 1 seconds/,
    ],
  ] as const) {
    it(`writes nothing where the command gives ${name}`, () => {
      using folder = scene();
      const { code, err } = withScript(folder, body, '--signer-timeout', '1');
      assert.equal(code, 1);
      assert.match(err, /^SIGNER_FAILED: /);
      assert.match(err, words);
      assert.ok(!isSealed(folder));
    });
  }

  it('is no shell', () => {
    using folder = scene();
    const { err } = sign(folder, 'true; touch pwned $(touch pwned) | touch pwned');
    assert.match(err, /SIGNER_FAILED: true;: there is no such program/);
    assert.ok(!existsSync(join(folder.path, 'pwned')));
  });

  it('says how it is used', () => {
    using folder = scene();
    for (const [args, words] of [
      [['--signer-command', 'x'], /needs --public-key/],
      [['--signer-command', '"x', '--public-key', 'k.pub'], /a quote in it has no end/],
      [['--signer-command', ' ', '--public-key', 'k.pub'], /is empty/],
      [['--signer-command', 'x', '--key', 'k.key', '--public-key', 'k.pub'], /exclude each other/],
      [['--key', 'k.key', '--public-key', 'k.pub'], /--public-key belongs to --signer-command/],
      [['--signer-command', 'x', '--public-key', 'k.pub', '--signer-timeout', '0'], /write a number of seconds/],
    ] as const) {
      const { code, err } = folder.writ(['sign', 'a.yaml', ...args]);
      assert.deepEqual([code, words.test(err)], [2, true], err);
    }
  });
});

describe('a command', () => {
  it('is split like people quote', () => {
    assert.deepEqual(splitCommand(`p  -a "b c" 'd "e' f\\ g h"i"'j' "" "\\"k\\\\"`), ['p', '-a', 'b c', 'd "e', 'f g', 'hij', '', '"k\\']);
    assert.deepEqual(splitCommand('p $HOME `x` ;|&> *'), ['p', '$HOME', '`x`', ';|&>', '*']);
    for (const text of ['', '  ', `'`, `p "`, 'p \\']) assert.equal(splitCommand(text), undefined, text);
  });

  it('is what was quoted, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
        const [first = ''] = words;
        const quoted = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
        assert.deepEqual(splitCommand(quoted), first === '' ? undefined : words);
      }),
    );
  });
});

describe('SoftHSM, through pkcs11-tool', () => {
  const hasAll = ['softhsm2-util', 'pkcs11-tool'].every((program) => spawnSync(program, ['--help']).error === undefined);
  const module = [
    '/usr/lib/softhsm/libsofthsm2.so',
    '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
    '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  ].find((path) => existsSync(path));
  const skip = hasAll && module !== undefined ? false : 'softhsm2 and opensc are not installed';

  it('signs with keys that never leave it', { skip }, () => {
    using folder = temporaryFolder();
    folder.write({
      'tokens/.keep': '',
      'softhsm2.conf': `directories.tokendir = ${join(folder.path, 'tokens')}\nobjectstore.backend = file\n`,
      'a.yaml': POLICY,
    });
    const env = { SOFTHSM2_CONF: join(folder.path, 'softhsm2.conf'), PIN: '1234' };
    const run = (program: string, ...args: readonly string[]): Buffer => {
      const ran = spawnSync(program, args, { cwd: folder.path, env: { ...process.env, ...env } });
      assert.equal(ran.status, 0, ran.stderr.toString());
      return ran.stdout;
    };
    const tool = ['--module', module ?? '', '--login', '--pin', 'env:PIN'];
    run('softhsm2-util', '--init-token', '--free', '--label', 'writ', '--pin', '1234', '--so-pin', '5678');
    for (const [id, type, mechanism, input] of [
      ['01', 'EC:prime256v1', 'ECDSA', 'digest'],
      ['02', 'rsa:3072', 'SHA256-RSA-PKCS', 'bytes'],
    ] as const) {
      run('pkcs11-tool', ...tool, '--keypairgen', '--key-type', type, '--id', id);
      const der = run('pkcs11-tool', ...tool, '--read-object', '--type', 'pubkey', '--id', id);
      const pem = String(createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' }));
      folder.write({
        'hsm.pub': pem,
        'trust.yaml': trustPolicy({ hsm: pem }),
        'a.yaml': POLICY.replace('version: 3', `version: ${id}`.replace('0', '1')),
      });
      const command = ['pkcs11-tool', ...tool, '--sign', '-m', mechanism, '--id', id].join(' ');
      const signed = folder.writ(['sign', 'a.yaml', '--public-key', 'hsm.pub', '--signer-input', input, '--signer-command', command], {
        env,
      });
      assert.equal(signed.code, 0, signed.err);
      assert.ok(isGood(folder), mechanism);
    }
    const wrongPin = folder.writ(
      [
        'sign',
        'a.yaml',
        '--public-key',
        'hsm.pub',
        '--signer',
        'x',
        '--signer-command',
        ['pkcs11-tool', ...tool, '--sign', '--id', '02'].join(' '),
      ],
      { env: { ...env, PIN: '0000' } },
    );
    assert.match(wrongPin.err, /^SIGNER_FAILED: pkcs11-tool: it ended with exit code 1/);
  });
});

describe('keys that no seal takes', () => {
  it('are refused before the command runs', () => {
    using folder = scene();
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    folder.write({ 'k.pub': String(pem) });
    assert.match(withScript(folder, '').err, /SEAL_KEY_WEAK: k\.pub: RSA of 2048 bits/);
  });
});
