// SPDX-License-Identifier: Apache-2.0
// The bodies that Stripe's v1 takes: `items[0][price]=p` as nested objects.

export type Form = { readonly [key: string]: string | Form };

const STEP = /^([^[\]]+)|\[([^[\]]*)\]/g;

export const parseForm = (text: string): Form => {
  const root: Record<string, unknown> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const steps = [...name.matchAll(STEP)].map(([, first, inner]) => first ?? inner ?? '');
    let at = root;
    for (const step of steps.slice(0, -1)) {
      at[step] ??= Object.create(null);
      at = at[step] as Record<string, unknown>;
    }
    at[steps.at(-1) ?? name] = value;
  }
  return root as Form;
};

export const textIn = (form: Form, ...path: readonly string[]): string | undefined => {
  let at: string | Form | undefined = form;
  for (const step of path) at = typeof at === 'object' ? at[step] : undefined;
  return typeof at === 'string' ? at : undefined;
};
