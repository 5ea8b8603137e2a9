import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freePort } from "../../../bench/sweep/server.mjs";
import { temporaryFolder } from "../../../test/support/fixtures.ts";
import { hasQueueServer, startQueueServer } from "../../../test/support/queueServer.ts";
import type { UserError } from "../../engine/errors.ts";
import { parseQueueAddress, passwordVariable } from "./address.ts";
import { connectQueue } from "./connect.ts";

afterEach(() => vi.unstubAllEnvs());

describe("the queue's address", () => {
  it("is a URL of a host, with or without TLS, user and database", () => {
    expect(parseQueueAddress("redis://here")).toMatchObject({ host: "here", port: 6379, tls: false, username: undefined, database: 0 });
    expect(parseQueueAddress("rediss://me@there:7000/3")).toMatchObject({ host: "there", port: 7000, tls: true, username: "me", database: 3 });
    expect(parseQueueAddress("redis://[::1]:6379").host).toBe("::1");
  });

  it("is refused where it is none, and where it holds a password, which no message repeats", () => {
    for (const wrong of ["here:6379", "http://here", "redis://", "redis://here/one", "redis://here?password=x"]) {
      expect(() => parseQueueAddress(wrong), wrong).toThrow(/^The queue's address /);
    }
    const secret = (text: string): UserError => {
      try {
        parseQueueAddress(text);
      } catch (error) {
        return error as UserError;
      }
      throw new Error("accepted");
    };
    const error = secret("redis://:hunter2@here");
    expect(error.message).toBe("The queue's address must not hold a password, for others could read it.");
    expect(error.toLine()).toContain(passwordVariable);
    expect(error.toLine()).not.toContain("hunter2");
  });
});

const failure = async (address: string) => {
  const outcome = await connectQueue(address).then(
    (client) => client.disconnect(),
    (error: UserError) => error.toLine(),
  );
  return outcome ?? "connected";
};

describe("connecting", () => {
  it("says in a sentence that there is no server", async () => {
    const port = await freePort();
    expect(await failure(`redis://127.0.0.1:${port}`)).toMatch(
      /^The queue redis:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\. Start the server/,
    );
  });

  it.runIf(hasQueueServer)("takes the password from the environment, and says where it is wrong or missing", async () => {
    const server = await startQueueServer(() => ["--requirepass", "hunter2"]);
    const address = `redis://127.0.0.1:${server.port}`;
    vi.stubEnv(passwordVariable, "");
    expect(await failure(address)).toBe(`The queue ${address} asks for a password. Set the environment variable ${passwordVariable}.`);
    vi.stubEnv(passwordVariable, "wrong");
    expect(await failure(address)).toBe(`The queue ${address} refuses the password. Set ${passwordVariable} to the right one.`);
    vi.stubEnv(passwordVariable, "hunter2");
    expect(await failure(address)).toBe("connected");
    await server.close();
  });

  it.runIf(hasQueueServer)("speaks TLS with rediss://, and trusts no unknown certificate", async () => {
    const folder = temporaryFolder();
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", ...subject], {
      stdio: "ignore",
    });
    const tlsPort = await freePort();
    const server = await startQueueServer(() => [
      "--tls-port",
      String(tlsPort),
      "--tls-cert-file",
      certificate,
      "--tls-key-file",
      key,
      "--tls-auth-clients",
      "no",
    ]);
    const address = `rediss://127.0.0.1:${tlsPort}`;
    expect(await failure(address)).toMatch(
      /^The certificate of the queue rediss:\/\/127\.0\.0\.1:\d+ is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)\. Name its authority's file in NODE_EXTRA_CA_CERTS\.$/,
    );
    // The variable is read when Node starts, so that another process has to try.
    const script = `import { connect } from "node:tls"; connect(${tlsPort}, "127.0.0.1", function () { console.log(this.authorized); this.destroy(); });`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate };
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" })).toBe("true\n");
    await server.close();
  });
});
