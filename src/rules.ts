/** What `check` looks for, by the name that reports give it. A name never changes its meaning: code hosts remember findings by it. */
export const rules = {
  // Files and directories
  "misplaced-layer": "A layer stands directly in science/ or compat/, or inside another layer.",
  "missing-dockerfile": "A layer has no Dockerfile.",
  "missing-definition": "A directory has a Dockerfile and no sciserver-image.json, so it is no layer.",
  "unreadable-file":
    "A file or directory cannot be read, is not UTF-8, or is a symbolic link out of its layer.",
  "layer-link": "A symbolic link stands where a layer could.",
  "invisible-name": "The path of a layer has invisible characters.",
  "context-file": "A file or directory cannot be part of a build context.",
  "ignore-pattern": "Docker does not understand a line of .dockerignore.",
  // Definitions
  "invalid-syntax": "A definition or image-builder.json5 is no JSON5 object.",
  "unknown-key": "A definition or image-builder.json5 has an unknown key.",
  "duplicate-key": "A definition or image-builder.json5 gives a key twice.",
  "missing-key": "A definition lacks a key that is required.",
  "invalid-value": "A key of a definition or of image-builder.json5 has a value that it cannot have.",
  "long-name": "The name or tag of an image is longer than registries and engines take.",
  "duplicate-target": "Two science layers have the same target.",
  "final-layers": "An image and version has no final layer, or several.",
  "retired-layer": '"retired" is given in a layer that is not final.',
  "lower-version": "A layer builds on a higher version of its own image.",
  "unknown-compat": "A definition names a compat layer that does not exist.",
  "include-cycle": "Compat layers include each other in a circle.",
  // Dockerfiles
  "unknown-instruction": "A Dockerfile has an instruction that no engine knows.",
  "parser-directive": "A parser directive is invalid, given twice, or contradicts that of another fragment.",
  "unterminated-heredoc": "A here-document has no end.",
  "invalid-from": "A FROM is missing, not the first instruction, or not written as one.",
  "invalid-reference": "What a Dockerfile takes from is no image reference.",
  "unresolved-base": "A base has a variable in it whose value is not known before the build.",
  "invalid-stage": "A stage is named or used as no engine takes it.",
  "unsupported-mount": "A RUN needs a secret or an ssh agent, which builds do not get.",
  "onbuild-source": "An ONBUILD takes from an image in the builds of other layers.",
  "fragment-source": "A compat fragment has a FROM, or takes from a layer of this checkout.",
  // What layers build on
  "unknown-layer": "A reference below sci/ names no science layer.",
  "release-as-base": "A science layer builds on a release.",
  "base-cycle": "Science layers build on themselves or on each other in a circle.",
  "unlinked-base": "A reference looks like that of a layer, but names an image from elsewhere.",
  // What compat layers do to each other
  "leftover-user": "A compat fragment runs commands as the user that another one leaves behind.",
  "leftover-workdir": "A compat fragment writes to a directory that another one leaves behind.",
  "overridden-command": "A CMD or ENTRYPOINT never takes effect.",
  "outside-link": "A symbolic link leads out of its layer; the link itself goes into the image.",
  "overridden-file": "A file of a compat layer takes the place of that of another one.",
} as const;

/** The name of a rule. */
export type Rule = keyof typeof rules;
