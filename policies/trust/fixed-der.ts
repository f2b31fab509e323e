// SPDX-License-Identifier: Apache-2.0
// The Sigstore library writes a certificate anew, element by element, each time that it compares it or checks what signs
// it; for a keyless seal that was four fifths of the time. What is written is always the same, so it is given here once.

/** An element as the library holds it. */
type Element = { readonly subs: readonly Element[]; toDER: () => Buffer };

/** From now on the element is written as these bytes. */
export const fixDer = (element: Element, der: Buffer): void => {
  element.toDER = () => der;
};

/** Of an element that lasts: it and all below it are written for the last time. */
export const fixWholeDer = (element: Element): void => {
  for (const below of element.subs) fixWholeDer(below);
  fixDer(element, element.toDER());
};

/** A certificate as the library holds it. */
type Holder = { verify: (issuer?: never) => boolean };

const ITSELF = {};

/**
 * Whether a certificate is signed by another is asked for each trusted time, and of authorities for each seal, while both stay the
 * same bytes: from now on this one asks once for each issuer, and keeps the answer as long as it lives. A P-384 signature costs
 * as much as the rest of a seal.
 */
export const verifyOnce = (certificate: Holder): void => {
  const verify = certificate.verify.bind(certificate);
  // Not kept beyond its issuer: a leaf of anybody may be asked whether it is one.
  const known = new WeakMap<object, boolean>();
  certificate.verify = (issuer) => {
    const by = issuer ?? ITSELF;
    const answer = known.get(by) ?? verify(issuer);
    known.set(by, answer);
    return answer;
  };
};
