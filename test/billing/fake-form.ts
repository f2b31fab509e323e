// SPDX-License-Identifier: Apache-2.0
// The bodies that Stripe's v1 takes: `items[0][price]=p` as nested objects.

export type Form = { readonly [key: string]: string | Form };

type OpenForm = { [key: string]: string | OpenForm };

// Stripe's names are data: one may be `constructor`.
const emptyForm = (): OpenForm => Object.create(null);

const STEP = /^([^[\]]+)|\[([^[\]]*)\]/g;

export const parseForm = (text: string): Form => {
  const root = emptyForm();
  for (const [name, value] of new URLSearchParams(text)) {
    const steps = [...name.matchAll(STEP)].map(([, first, inner]) => first ?? inner ?? '');
    let at = root;
    for (const step of steps.slice(0, -1)) {
      const inner = at[step];
      at = typeof inner === 'object' ? inner : (at[step] = emptyForm());
    }
    at[steps.at(-1) ?? name] = value;
  }
  return root;
};

export const textIn = (form: Form, ...path: readonly string[]): string | undefined => {
  let at: string | Form | undefined = form;
  for (const step of path) at = typeof at === 'object' ? at[step] : undefined;
  return typeof at === 'string' ? at : undefined;
};
