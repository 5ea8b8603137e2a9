/** @file A connection to the queue's server (Redis or Valkey), and in one sentence why there is none. */
import { Redis, type RedisOptions } from "ioredis";
import { errorMessage, UserError } from "../../engine/errors.ts";
import { parseQueueAddress, passwordVariable, type QueueAddress } from "./address.ts";

const connectTimeoutMs = 5000;
const longestRetryMs = 5000;

/**
 * Connects to the server. A connection that is lost later is made again, for as long as it takes.
 * @throws UserError where the server cannot be reached now, or refuses the password
 */
export async function connectQueue(text: string): Promise<Redis> {
  const address = parseQueueAddress(text);
  await tryOnce(address);
  const client = new Redis({
    ...options(address),
    // BullMQ asks for it: a command waits for the server instead of failing.
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(200 * times, longestRetryMs),
  });
  client.on("error", () => undefined);
  return client;
}

async function tryOnce(address: QueueAddress): Promise<void> {
  const client = new Redis({ ...options(address), lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  let last: unknown;
  client.on("error", (error: unknown) => {
    last = error;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw connectionError(address, last ?? error);
  } finally {
    client.disconnect();
  }
}

function options({ host, port, tls, username, database }: QueueAddress): RedisOptions {
  const password = process.env[passwordVariable];
  return {
    host,
    port,
    username,
    password: password === "" ? undefined : password,
    db: database,
    connectTimeout: connectTimeoutMs,
    ...(tls && { tls: {} }),
  };
}

function connectionError({ text, tls }: QueueAddress, error: unknown): UserError {
  const message = errorMessage(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/WRONGPASS|invalid password|AUTH failed/i.test(message)) {
    return new UserError(`The queue ${text} refuses the password.`, { hint: `Set ${passwordVariable} to the right one.` });
  }
  if (/NOAUTH/.test(message))
    return new UserError(`The queue ${text} asks for a password.`, { hint: `Set the environment variable ${passwordVariable}.` });
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ALTNAME/.test(code)) {
    return new UserError(`The certificate of the queue ${text} is not trusted (${code}).`, {
      hint: "Name its authority's file in NODE_EXTRA_CA_CERTS.",
    });
  }
  if (/DB index/i.test(message)) return new UserError(`The queue ${text} has no such database.`, { hint: "Change the number at the address's end." });
  const hint = tls
    ? "Start the server, and check that it speaks TLS."
    : "Start the server, or check the address; a server that speaks TLS has one with rediss://.";
  return new UserError(`The queue ${text} cannot be reached (${code || message}).`, { hint });
}
