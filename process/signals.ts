// SPDX-License-Identifier: Apache-2.0
// SIGTERM and SIGINT as one AbortSignal. The first asks the process to finish what it is at; the second ends it at once, for
// the person at the keyboard who has waited long enough.

type SignalSource = {
  on(event: 'SIGTERM' | 'SIGINT', listener: (name: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
};

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export const shutdownSignal = (source: SignalSource = process): AbortSignal => {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    source.on(name, () => {
      if (controller.signal.aborted) source.exit(EXIT_CODES[name]);
      else controller.abort(new Error(`${name} was received`));
    });
  }
  return controller.signal;
};
