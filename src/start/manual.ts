/** A step of a build: writes the manual page that belongs to the commands. `SOURCE_DATE_EPOCH` dates it. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { commands, exitCodes } from "../cli/arguments.ts";
import { manualPage } from "../cli/manual.ts";

const seconds = process.env["SOURCE_DATE_EPOCH"] ?? "";
const date = (seconds === "" ? new Date() : new Date(Number(seconds) * 1000)).toISOString().slice(0, 10);
const page = manualPage(commands, { version: packageFile.version, date, exitCodes });
writeFileSync(path.join(import.meta.dirname, "../../dist/image-builder.1"), page);
