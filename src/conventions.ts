import type { Conventions } from "./model.ts";

/** The file at the root of a checkout that says what holds for all of its images. */
export const configurationName = "image-builder.json5";

/** What holds where `image-builder.json5` says nothing else. */
export const defaultConventions: Conventions = {
  labelNamespace: "org.sciserver",
  environmentVariable: "SCISERVER_IMAGE",
  ignoreFiles: [],
};
