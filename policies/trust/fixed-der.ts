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
