/** A real terminal, of tmux, whose server has a socket of its own and no configuration. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { temporaryDirectory } from "./checkout.ts";

/** A terminal with a shell command in it. */
export interface Terminal {
  /** What is seen at the moment, line by line without spaces at their ends. */
  readonly screen: () => string[];
  /** The same with all that has scrolled away; lines that the terminal broke in two are whole again. */
  readonly all: () => string;
  /** What is seen, with its colours as escape sequences. */
  readonly coloured: () => string;
  readonly resize: (columns: number, rows: number) => void;
  /** Presses a key, by the name that tmux has for it: `C-c`. */
  readonly press: (key: string) => void;
  readonly cursorIsShown: () => boolean;
  readonly close: () => void;
}

/** Opens a terminal whose screen is full, as after some use; a command of the shell runs in it, and it stays open then. */
export function openTerminal(
  command: string,
  { cwd, columns, rows }: { readonly cwd: string; readonly columns: number; readonly rows: number },
): Terminal {
  const socket = path.join(temporaryDirectory(), "tmux");
  const tmux = (...words: readonly string[]) =>
    execFileSync("tmux", ["-u", "-S", socket, "-f", "/dev/null", ...words], { cwd, encoding: "utf8" });
  const size = ["-x", String(columns), "-y", String(rows)];
  const close = () => {
    process.off("exit", close);
    try {
      tmux("kill-server");
    } catch {
      // It has ended with what ran in it.
    }
  };
  tmux("new-session", "-d", ...size, `yes '' | head -n ${rows}; ${command}; exec sleep 1000`);
  // Before the directory with the socket is taken away.
  process.prependOnceListener("exit", close);
  return {
    screen: () => tmux("capture-pane", "-p").trimEnd().split("\n"),
    all: () => tmux("capture-pane", "-p", "-J", "-S", "-").replaceAll(/ +$/gm, "").trimEnd(),
    coloured: () => tmux("capture-pane", "-p", "-e"),
    resize: (width, height) => {
      tmux("resize-window", "-x", String(width), "-y", String(height));
    },
    press: (key) => {
      tmux("send-keys", key);
    },
    cursorIsShown: () => tmux("display-message", "-p", "#{cursor_flag}").trim() === "1",
    close,
  };
}
