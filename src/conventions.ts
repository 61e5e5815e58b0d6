import type { Conventions } from "./model.ts";

/** The file at the root of a checkout that says what holds for all of its images. */
export const configurationName = "image-builder.json5";

/** The repository that images are named in where nothing names another. */
export const defaultRepo = "containers.repo.sciserver.org/compute-images";

/** The name of the file that makes a directory a layer. */
export const definitionName = "sciserver-image.json";

/** The definition of the layer in a directory. */
export function definitionFile(directory: string): string {
  return `${directory}/${definitionName}`;
}

/** What holds where `image-builder.json5` says nothing else. */
export const defaultConventions: Conventions = {
  labelNamespace: "org.sciserver",
  environmentVariable: "SCISERVER_IMAGE",
  ignoreFiles: [],
};
