import { suite } from "uvu";
import * as assert from "uvu/assert";
import { composeDockerfile, pinBases } from "../../src/composing/dockerfile.ts";
import type { Base, ScienceLayer } from "../../src/model.ts";

const composing = suite("the composed Dockerfile");

function compose(...texts: string[]): ReturnType<typeof composeDockerfile> {
  return composeDockerfile({
    from: "repo/sci/x:1.0",
    fragments: texts.map((text, index) => ({ directory: `compat/${"abc"[index]}`, text })),
    environment: [["SCISERVER_IMAGE", "x:1.0-42-f90dbd6"]],
  });
}

/** The composed text of fragments that go together. */
function composed(...texts: string[]): string {
  const { dockerfile, problems } = compose(...texts);
  assert.equal(problems, []);
  return dockerfile;
}

composing("it is FROM, each fragment in order under its name, and the environment", () => {
  assert.is(
    composed("USER root\nRUN one\n", "# two\nRUN two\n"),
    `FROM repo/sci/x:1.0

# compat/a
USER root
RUN one

# compat/b
# two
RUN two

ENV SCISERVER_IMAGE=x:1.0-42-f90dbd6
`,
  );
});

composing("nothing in a fragment is escaped or taken for a template", () => {
  assert.match(
    composed(`RUN echo "<&>" '{{from}}' {{{x}}} \\{{y}}`),
    `\nRUN echo "<&>" '{{from}}' {{{x}}} \\{{y}}\n`,
  );
});

const bodies: [what: string, text: string, body: string][] = [
  ["without a last newline is ended", "RUN a", "RUN a"],
  ["that is empty is an empty one", "", ""],
  ["of blank lines is an empty one", "\n  \n\n", ""],
  ["of comments stays", "# a\n", "# a"],
  ["with a byte order mark loses it", "\uFEFFRUN a\n", "RUN a"],
  ["with Windows line ends loses them", "RUN a \\\r\n  b\r\n", "RUN a \\\n  b"],
  ["with a trailing continuation is ended there", "RUN a \\", "RUN a"],
  ["with a trailing && is ended there", "RUN a && \\\n", "RUN a"],
  ["with a trailing && on a line of its own is ended before it", "RUN a \\\n && \\\n", "RUN a"],
  [
    "whose continuation runs into blank lines and comments is ended",
    "RUN a \\\n b \\\n\n# c\n  \n",
    "RUN a  b",
  ],
  ["that is one continuation is an empty one", "\\\n", ""],
  ["with comments inside an instruction keeps them", "RUN a \\\n# c\n\n  b\n", "RUN a \\\n# c\n\n  b"],
  ["with a doubled backslash at the end is complete", "RUN echo a\\\\\n", "RUN echo a\\\\"],
  ["with a comment that ends in a backslash is complete", "RUN a\n# b \\\n", "RUN a\n# b \\"],
  [
    "with a heredoc keeps all of it",
    "RUN <<EOF\n# x\n a && \\\nFROM x\r\nEOF\n",
    "RUN <<EOF\n# x\n a && \\\nFROM x\r\nEOF",
  ],
  [
    "with a heredoc behind a flag",
    "RUN --mount=type=cache,target=/x <<EOF\n\\\nEOF",
    "RUN --mount=type=cache,target=/x <<EOF\n\\\nEOF",
  ],
  ["with quoted ends", "COPY <<'A' <<\"B\" /x\n\\\nA\n\\\nB\n", "COPY <<'A' <<\"B\" /x\n\\\nA\n\\\nB"],
  ["with an indented end", "RUN <<-E\n\ta \\\n\tE\nRUN b\n", "RUN <<-E\n\ta \\\n\tE\nRUN b"],
  ["with an end that only looks like one", "RUN <<E\n E\nEE\nE", "RUN <<E\n E\nEE\nE"],
  [
    "with a heredoc on a continued line",
    "RUN a && \\\n  cat <<E\nx \\\nE\n",
    "RUN a && \\\n  cat <<E\nx \\\nE",
  ],
  ["with a heredoc that is built later", "ONBUILD RUN <<E\nx \\\nE\n", "ONBUILD RUN <<E\nx \\\nE"],
  ["with a shift, which is no heredoc", "RUN echo $((1<<2)) a<<b <<<x", "RUN echo $((1<<2)) a<<b <<<x"],
  ["with a quoted <<, which is no heredoc", "RUN echo '<<E' \"a <<E b\"", "RUN echo '<<E' \"a <<E b\""],
  ["with << in exec form, which is no heredoc", 'RUN ["echo", "<<E"]', 'RUN ["echo", "<<E"]'],
  ["with << elsewhere, which is no heredoc", "ENV A=1 B=<<E\nLABEL x=<<E", "ENV A=1 B=<<E\nLABEL x=<<E"],
];
for (const [what, text, body] of bodies) {
  composing(`a fragment ${what}, and the next is its own`, () => {
    const expected = `FROM repo/sci/x:1.0\n\n# compat/a\n${body}\n\n# compat/b\nRUN next\n\nENV `;
    assert.ok(composed(text, "RUN next\n").startsWith(expected), composed(text, "RUN next\n"));
  });
}

composing("a heredoc without its end is refused with the line where it starts", () => {
  const { problems } = compose("RUN a\n", "RUN b\nRUN cat <<EOF\nEOF2\n EOF\n", "EOF\n");
  assert.equal(problems, [
    {
      kind: "definition",
      rule: "unterminated-heredoc",
      file: "compat/b/Dockerfile",
      line: 2,
      message: "the heredoc EOF is not ended",
      hint: "add a line that holds EOF and nothing else",
    },
  ]);
});

composing("parser directives of all fragments stand at the top, each once, and nowhere else", () => {
  const text = composed(
    "# syntax=docker/dockerfile:1\n# escape=\\\nRUN a\n",
    "#Check = skip=all\n#  SYNTAX = docker/dockerfile:1 \nRUN b\n",
  );
  const top = "# escape=\\\n# syntax=docker/dockerfile:1\n# check=skip=all\nFROM repo/sci/x:1.0\n";
  assert.is(text, `${top}\n# compat/a\nRUN a\n\n# compat/b\nRUN b\n\nENV SCISERVER_IMAGE=x:1.0-42-f90dbd6\n`);
});

composing("a comment that only looks like a directive stays a comment in its place", () => {
  const texts = [
    "# hello\n# escape=`\nRUN a \\\n b\n",
    "\n# syntax=x\nRUN b\n",
    "# colour=red\nRUN c\n# check=skip=all\n",
  ];
  const text = composed(...texts);
  assert.ok(text.startsWith("FROM "));
  for (const [index, fragment] of texts.entries()) {
    assert.ok(text.includes(`# compat/${"abc"[index]}\n${fragment}`), text);
  }
});

composing("below an unknown directive nothing is one, as the Dockerfile reference says", () => {
  const text = "# colour=red\n# syntax=x\n# escape=`\nRUN a \\\n b\n";
  assert.ok(composed(text).startsWith(`FROM repo/sci/x:1.0\n\n# compat/a\n${text}`));
});

composing("fragments that want different frontends or checks are refused, both files named", () => {
  const { problems } = compose("# syntax=one\n# check=skip=A\n", "RUN b\n", "# check=skip=B\n# syntax=two\n");
  assert.equal(
    problems.map(({ file, line, message }) => `${file}:${line} ${message}`),
    [
      "compat/c/Dockerfile:2 needs # syntax=two, but compat/a/Dockerfile needs # syntax=one",
      "compat/c/Dockerfile:1 needs # check=skip=B, but compat/a/Dockerfile needs # check=skip=A",
    ],
  );
});

const tick = "# escape=`\n";
const escapes: [what: string, texts: string[], refused: boolean][] = [
  ["both say `", [`${tick}RUN a \`\n b`, `${tick}RUN c:\\d`], false],
  [
    "one says ` and the other uses neither character",
    [`${tick}RUN a \`\n b`, "RUN c # \n# a `comment` \\\n"],
    false,
  ],
  ["one says ` and the other continues a line by \\", [`${tick}RUN a`, "RUN a \\\n b"], true],
  ["one says ` and the other uses ` as the shell does", [`${tick}RUN a`, "RUN echo `date`"], true],
  ["one says ` and the other has \\ in a heredoc", [`${tick}RUN a`, "COPY <<E /x\n\\$A\nE\n"], true],
  ["one says ` and the other \\", [`${tick}RUN a`, "# escape=\\\nRUN b"], true],
  ["the first takes \\ for granted", ["RUN a \\\n b", `${tick}RUN a`], true],
];
for (const [what, texts, refused] of escapes) {
  composing(`where ${what}, the escape character is ${refused ? "a contradiction" : "agreed on"}`, () => {
    const { dockerfile, problems } = compose(...texts);
    assert.is(problems.length, refused ? 1 : 0);
    if (!refused) assert.ok(dockerfile.startsWith("# escape=`\nFROM "));
    const [problem] = problems;
    if (problem === undefined) return;
    assert.is(problem.file, "compat/b/Dockerfile");
    assert.match(problem.message, /needs # escape=.*, but compat\/a\/Dockerfile needs # escape=/);
  });
}

composing("with ` as the escape character a trailing ` is a continuation and a trailing \\ is not", () => {
  assert.match(composed(`${tick}RUN a && \``, `${tick}RUN b \\\n`), "\nRUN a\n\n# compat/b\nRUN b \\\n\n");
});

composing("a directive that is there twice, or an escape that is neither character, is refused", () => {
  const { problems } = compose("# syntax=a\n# syntax=a\n# escape=x\n");
  assert.equal(
    problems.map(({ line, message }) => `${line} ${message}`),
    ["2 a second # syntax directive; the first is in line 1", "3 x cannot be the escape character"],
  );
});

function layerOn(dockerfile: string, ...bases: [text: string, layer: string | undefined][]): ScienceLayer {
  let from = 0;
  const places = bases.map(([reference, layer]): Base => {
    const start = dockerfile.indexOf(reference, from);
    from = start + reference.length;
    return { start, end: from, line: 1, reference, layer, final: false };
  });
  return {
    directory: "science/x",
    image: "x",
    version: "1.0",
    target: "x",
    compat: "c",
    retired: false,
    dockerfile,
    bases: places,
  };
}

composing("pins take the place of the layers they are for, and of nothing else", () => {
  const layer = layerOn(
    "FROM r/sci/a:1 AS a\nFROM debian\nCOPY --from=r/sci/b:2.0 /x /r/sci/b:2.0\nFROM r/sci/a:1\n",
    ["r/sci/a:1", "science/a"],
    ["debian", undefined],
    ["r/sci/b:2.0", "science/b"],
    ["r/sci/a:1", "science/a"],
  );
  const pins = new Map([
    ["science/a", "longer/registry/sci/a:1-42-f90dbd6"],
    ["science/b", "s"],
  ]);
  assert.is(
    pinBases(layer, pins),
    "FROM longer/registry/sci/a:1-42-f90dbd6 AS a\nFROM debian\nCOPY --from=s /x /r/sci/b:2.0\nFROM longer/registry/sci/a:1-42-f90dbd6\n",
  );
  assert.is(pinBases(layer, new Map([["science/b", "s"]])), layer.dockerfile.replace("r/sci/b:2.0", "s"));
  assert.is(pinBases(layer, new Map()), layer.dockerfile);
});

composing.run();
