// SPDX-License-Identifier: Apache-2.0
/**
 * Senders of events, in a process of their own: each keeps one connection, sends a batch, and sends the next one when it is
 * answered. In: where, how many, how long. Out: the time of each answer, and what the sending itself took of the processors.
 */
import { postBytes, openConnection } from './keep-alive-connection.ts';
import type { Connection } from './keep-alive-connection.ts';

export type SendOrder = {
  readonly url: string;
  readonly ca: string;
  readonly round: string;
  readonly connections: number;
  readonly batch: number;
  readonly durationMs: number;
};
export type SendReport = { readonly latenciesMs: readonly number[]; readonly seconds: number; readonly cpuUs: number };
export type SendReply = { readonly report: SendReport } | { readonly error: string };

const bodyOf = (source: string, first: number, { batch, time }: { readonly batch: number; readonly time: string }): string => {
  const events = Array.from(
    { length: batch },
    (_, index) =>
      `{"specversion":"1.0","type":"dev.writ.usage.v1","source":"${source}","id":"${first + index}","subject":"acme","time":"${time}","seq":${first + index},"data":{"meter":"reasoning_units","value":"12.5","dims":{"model":"m-large"}}}`,
  );
  return `[${events.join(',')}]`;
};

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const sendAll = async (order: SendOrder): Promise<SendReport> => {
  const { url, ca, round, batch } = order;
  const target = { url: `${url}/v1/events`, ca, token: 'bench', contentType: 'application/cloudevents-batch+json' };
  const connections = await Promise.all(Array.from({ length: order.connections }, () => openConnection(target)));
  const time = new Date().toISOString();
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const startedUs = cpuUs();
  const untilMs = startedMs + order.durationMs;
  const send = async (connection: Connection, source: string): Promise<void> => {
    for (let first = 1, nowMs = startedMs; nowMs < untilMs; first += batch) {
      const request = postBytes(target, bodyOf(source, first, { batch, time }));
      const sentMs = performance.now();
      const answer = await connection.exchange(request);
      if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text().slice(0, 2000)}`);
      nowMs = performance.now();
      latenciesMs.push(nowMs - sentMs);
    }
  };
  try {
    await Promise.all(connections.map((connection, index) => send(connection, `/bench/${round}/${index}`)));
    return { latenciesMs, seconds: (performance.now() - startedMs) / 1000, cpuUs: cpuUs() - startedUs };
  } finally {
    for (const connection of connections) connection.close();
  }
};

const tell = (reply: SendReply): void => void process.send?.(reply);
process.on('message', (order: SendOrder) => {
  sendAll(order).then(
    (report) => tell({ report }),
    (error: unknown) => tell({ error: String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
