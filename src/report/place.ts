import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

/** Makes a directory with all above it. Throws where that cannot be. */
export function makeDirectory(directory: string): void {
  if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return;
  // One at a time: what Node calls recursive never ends where a parent is there and takes no directory, as in /proc.
  if (path.dirname(directory) !== directory) makeDirectory(path.dirname(directory));
  try {
    fs.mkdirSync(directory);
  } catch (error) {
    // Another process may have been quicker.
    if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** Makes a directory if need be, and tries whether a file can be written there; throws where not. Leaves no file. */
export function checkDirectory(directory: string): void {
  makeDirectory(directory);
  const probe = temporaryIn(directory, "probe");
  fs.closeSync(fs.openSync(probe, "wx"));
  fs.rmSync(probe);
}

/** Writes a file as a whole or not at all: whoever reads it meanwhile finds the one before. */
export function writeWhole(file: string, text: string): void {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  const leadsNowhere = found === undefined && fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  // To a pipe or a device, /dev/stdout say, it is written: its place must not be taken. Nor that of a link to nothing yet.
  if (leadsNowhere || (found !== undefined && !found.isFile())) return fs.writeFileSync(file, text);
  // A link goes on leading to the file.
  const target = found === undefined ? file : fs.realpathSync(file);
  const temporary = temporaryIn(path.dirname(target), path.basename(target));
  try {
    fs.writeFileSync(temporary, text, { flag: "wx" });
    // A new file gets what the umask leaves, another keeps what it had.
    if (found !== undefined) fs.chmodSync(temporary, found.mode);
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function temporaryIn(directory: string, name: string): string {
  return path.join(directory, `.${name}.${randomUUID()}.tmp`);
}
