import { defineCommand } from "./command.ts";
import { planConflicts, planFormOptions, planOptions, planSettings, readPlanForm } from "./options.ts";

export const graphCommand = defineCommand({
  name: "graph",
  describe: "print all layers and what they stand on, whether changed or not",
  options: { ...planFormOptions, ...planOptions },
  conflicts: planConflicts,
  examples: [
    ["graph --output layers.html", "a page to look around in"],
    ["graph --stale --output layers.html", "the same, with what the registry holds"],
    ["graph --format dot | dot -Tpdf", "the same for Graphviz"],
  ],
  run: (given) => async (surroundings) => {
    const { graph } = await import("../commands/graph.ts");
    return graph({ ...planSettings(given), ...readPlanForm(given) }, surroundings);
  },
});
