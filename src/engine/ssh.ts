import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Agent } from "node:http";
import { Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * The arguments of the ssh command that connects to an engine, as the docker command gives them: ssh's own configuration,
 * keys, known hosts and jump hosts count. A path in the address is the engine's socket there.
 */
function sshArguments({ hostname, port, username, pathname }: URL): string[] {
  const user = username === "" ? [] : ["-l", decodeURIComponent(username)];
  const socket = pathname.length > 1 ? ["--host", `unix://${decodeURIComponent(pathname)}`] : [];
  const to = port === "" ? user : [...user, "-p", port];
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return ["-o", "ConnectTimeout=30", "-T", ...to, "--", host, "docker", ...socket, "system", "dial-stdio"];
}

/** Connections through ssh, an ssh process each. One that has answered is used again: a login can take a second. */
export class SshAgent extends Agent {
  readonly #parameters: readonly string[];

  constructor(address: URL) {
    super({ keepAlive: true });
    this.#parameters = sshArguments(address);
  }

  override createConnection(): Duplex {
    return new SshConnection(this.#parameters);
  }
}

/** How much of what ssh says on standard error is kept, in characters. */
const tailLength = 4000;

/** A connection over the standard input and output of an ssh process, with what HTTP needs of a socket. */
class SshConnection extends Duplex {
  readonly #ssh: ChildProcessWithoutNullStreams;
  #said = "";
  #timer: NodeJS.Timeout | undefined;
  /** As a socket has it: in milliseconds, 0 for none. */
  timeout = 0;

  constructor(parameters: readonly string[]) {
    super({ allowHalfOpen: false });
    // In a session of its own: Ctrl-C is for this process, which ends what runs in order, and a question would get no answer.
    this.#ssh = spawn("ssh", parameters, { detached: true, stdio: "pipe" });
    const { stdin, stdout, stderr } = this.#ssh;
    stdout.on("data", (chunk: Buffer) => {
      this.#timer?.refresh();
      if (!this.push(chunk)) stdout.pause();
    });
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-tailLength);
    });
    // The process ends then, and says why.
    stdin.on("error", () => undefined);
    this.#ssh.once("error", (error: NodeJS.ErrnoException) =>
      this.destroy(error.code === "ENOENT" ? new Error("the ssh command is not installed") : error),
    );
    this.#ssh.once("close", (code) => {
      if (code === 0) this.push(null);
      else this.destroy(new Error(this.#reason(code)));
    });
  }

  #reason(code: number | null): string {
    const lines = this.#said.split("\n").map((line) => line.trim());
    // The frame of ssh's warnings is made of @.
    const told = lines.filter((line) => line !== "" && !line.startsWith("@"));
    return told.length === 0 ? `ssh ended with exit code ${code}` : told.slice(-3).join(" ");
  }

  override _read(): void {
    this.#ssh.stdout.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#timer?.refresh();
    this.#ssh.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#ssh.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#ssh.kill();
    done(error);
  }

  setTimeout(milliseconds: number, onTimeout?: () => void): this {
    clearTimeout(this.#timer);
    this.timeout = milliseconds;
    if (onTimeout !== undefined) this.once("timeout", onTimeout);
    this.#timer = milliseconds > 0 ? setTimeout(() => this.emit("timeout"), milliseconds).unref() : undefined;
    return this;
  }

  ref(): this {
    return this.#hold("ref");
  }

  unref(): this {
    return this.#hold("unref");
  }

  /** Whether the process and its pipes keep Node running. */
  #hold(how: "ref" | "unref"): this {
    const { stdin, stdout, stderr } = this.#ssh;
    this.#ssh[how]();
    for (const pipe of [stdin, stdout, stderr]) if (pipe instanceof Socket) pipe[how]();
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }
}
