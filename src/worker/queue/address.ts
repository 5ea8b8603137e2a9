/** @file The queue's address. It holds no secret: the password comes from the environment alone, so that no file, log or process list has it. */
import { UserError } from "../../engine/errors.ts";

export const passwordVariable = "BRECQ_QUEUE_PASSWORD";

export interface QueueAddress {
  /** As people read it. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly database: number;
}

/**
 * Reads `redis://[user@]host[:port][/database]`, or `rediss://` for TLS.
 * @throws UserError where it is none, or holds a password; the message never repeats one
 */
export function parseQueueAddress(text: string): QueueAddress {
  const wrong = (why: string) =>
    new UserError(`The queue's address ${why}.`, { hint: "Write it like redis://host:6379, or rediss://user@host:6379/0 for TLS." });
  if (!URL.canParse(text)) throw wrong("is no URL");
  const url = new URL(text);
  if (url.password !== "") {
    throw new UserError("The queue's address must not hold a password, for others could read it.", {
      hint: `Take it out of the address, and set the environment variable ${passwordVariable}.`,
    });
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") throw wrong(`begins with ${url.protocol}//`);
  if (url.hostname === "") throw wrong("names no host");
  const database = url.pathname.replace(/^\//, "");
  if (!/^\d*$/.test(database)) throw wrong(`names the database "${database}", which is no number`);
  if (url.search !== "" || url.hash !== "") throw wrong("has more than host, port and database");
  const tls = url.protocol === "rediss:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? 6379 : Number(url.port);
  const username = url.username === "" ? undefined : decodeURIComponent(url.username);
  return { text: `${url.protocol}//${username ? `${username}@` : ""}${url.hostname}:${port}`, host, port, tls, username, database: Number(database) };
}
