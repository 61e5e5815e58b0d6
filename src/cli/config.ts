import { configurationName } from "../conventions.ts";
import { defineCommand } from "./command.ts";
import type { Command } from "./command.ts";
import { formatOption, rootAround, rootOptions } from "./options.ts";
import type { Option, Origin, Settings } from "./settings.ts";
import type { Setting } from "../report/config.ts";

/** The command that shows what the options of the others are where they are not given. */
export function configCommand(commands: readonly Command[]): Command {
  const settable: Record<string, Option> = {};
  for (const { options } of commands)
    for (const [name, option] of Object.entries(options))
      if (option.variable === true && !(name in rootOptions))
        settable[name] = { ...option, group: "Options:" };
  return defineCommand({
    name: "config",
    describe: "show each setting, and where it comes from",
    options: { ...settable, format: formatOption, ...rootOptions },
    examples: [
      ["config", "the settings in effect"],
      ["config --format json", "the same as data"],
    ],
    run:
      ({ format }, settings) =>
      async ({ out }) => {
        const { configJson, configTable } = await import("../report/config.ts");
        const shown = Object.keys(settable).map((name) => optionSetting(name, settings));
        const all = [rootSetting(settings), ...shown, ...fileSettings(settings)];
        const usual = (name: string) =>
          name === "publishFrom" ? "any branch" : settable[name]?.defaultDescription;
        out(format === "json" ? configJson(all) : configTable(all, usual));
        return 0;
      },
  });
}

/** The checkout that is found where none is named. */
function rootSetting(settings: Settings): Setting {
  const setting = optionSetting("root", settings);
  return { ...setting, value: setting.value ?? rootAround() ?? null };
}

function optionSetting(name: string, { values, origins }: Settings): Setting {
  const value = values[name];
  const known = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  const origin = origins.get(name) ?? { kind: "default" };
  return { name, value: known ? value : null, from: origin.kind, at: placeOf(origin) };
}

/** What the file alone can give. */
function fileSettings({ conventions, file }: Settings): readonly Setting[] {
  const { labelNamespace, environmentVariable, ignoreFiles } = conventions;
  const values = {
    publishFrom: file.values.publishFrom ?? [],
    labelNamespace,
    environmentVariable,
    ignoreFiles: ignoreFiles.map(({ text }) => text),
  };
  return Object.entries(values).map(([name, value]) => {
    const origin: Origin =
      name in file.values ? { kind: "file", line: file.lineOf(name) } : { kind: "default" };
    return { name, value, from: origin.kind, at: placeOf(origin) };
  });
}

function placeOf(origin: Origin): string | null {
  if (origin.kind === "environment") return origin.variable;
  return origin.kind === "file" ? `${configurationName}:${origin.line}` : null;
}
