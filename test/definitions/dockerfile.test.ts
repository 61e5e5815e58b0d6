import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readDockerfile, readFragment } from "../../src/definitions/dockerfile.ts";
import { describeProblem } from "../../src/problem.ts";

const dockerfile = suite("dockerfile");

/** The references that a Dockerfile names, the final one marked with a star. */
const read = (...lines: readonly string[]) => {
  const { images, problems } = readDockerfile(lines.join("\n"), "Dockerfile");
  assert.equal(problems.map(describeProblem), []);
  return images.map(({ reference, final }) => (final ? `${reference}*` : reference));
};
/** The base that `a` and a word with variables come to. */
const from = (word: string) => read("ARG SET=x", "ARG EMPTY=", "ARG UNSET", `FROM a${word}`)[0];
const pinned = (index: number) => `pinned.example:5000/sci/p${index}:1.0-42-f90dbd6`;
const wrong = (...lines: readonly string[]) => {
  return readDockerfile(lines.join("\n"), "Dockerfile").problems.map(describeProblem);
};
const wrongFragment = (...lines: readonly string[]) => {
  return readFragment(lines.join("\n"), "Dockerfile").problems.map(describeProblem);
};

dockerfile("a FROM names the image that it is built on", () => {
  assert.equal(read("FROM sci/a:1.0"), ["sci/a:1.0*"]);
});

dockerfile("lower-case from and as are understood", () => {
  assert.equal(read("from a:1 as One", "from one"), ["a:1*"]);
});

dockerfile("a stage is followed to the image that it stands on", () => {
  assert.equal(read("FROM a AS one", "FROM b AS two", "FROM one AS three", "FROM three"), ["a*", "b"]);
});

dockerfile("an image may have the name of the stage that begins with it", () => {
  assert.equal(read("FROM debian AS debian", "FROM debian"), ["debian*"]);
});

dockerfile("nothing that has the name of a stage is taken for an image", () => {
  const image = (name: string) => `write docker.io/library/${name} for the image`;
  assert.equal(
    wrong(
      "FROM later",
      "COPY --from=later a b",
      "FROM a AS own",
      "COPY --from=OWN a b",
      "RUN --mount=from=own,target=/x true",
      "FROM a AS later",
    ),
    [
      `Dockerfile:4: COPY --from=OWN names its own stage — name an earlier stage, or ${image("own")}`,
      `Dockerfile:5: RUN --mount from=own names its own stage — name an earlier stage, or ${image("own")}`,
      `Dockerfile:1: FROM later names a later stage — move that stage up, or ${image("later")}`,
      `Dockerfile:2: COPY --from=later names a later stage — move that stage up, or ${image("later")}`,
    ],
  );
});

dockerfile("after FROM a stage is named in lower case, as BuildKit keeps its name", () => {
  assert.equal(wrong("FROM a AS Build", "FROM BUILD"), [
    "Dockerfile:2: FROM BUILD is not the stage build: after FROM the names of stages are in lower case — write FROM build",
  ]);
  assert.equal(wrong("FROM a AS 1st"), [
    "Dockerfile:1: a stage cannot be named 1st — begin it with a letter; then letters, digits, _ . and -",
  ]);
});

dockerfile("a secret or an ssh agent, which no build gets, is refused at its line", () => {
  const hint = "fetch what needs it before the build, and COPY the files";
  const lines = [
    "FROM a",
    "RUN --mount=type=cache,target=/c \\",
    "  --mount=type=secret,id=token make",
    'RUN --mount="id=x,type=SSH" git clone x',
    "RUN --mount=type=bind,source=type=secret,target=/x cat --mount=type=ssh",
  ];
  const secret = `Dockerfile:3: RUN --mount=type=secret: builds get no secrets — ${hint}`;
  assert.equal(wrong(...lines), [
    secret,
    `Dockerfile:4: RUN --mount=type=ssh: builds get no ssh agent — ${hint}`,
  ]);
  assert.equal(wrongFragment("ARG X", "", "RUN --mount=type=secret,id=x y"), [secret]);
});

dockerfile("a value that would fill memory is refused at its ARG", () => {
  const doubled = ["ARG A0=aaaaaaaaaaaaaaaa"];
  for (let index = 1; index <= 60; index += 1) doubled.push(`ARG A${index}=$A${index - 1}$A${index - 1}`);
  assert.equal(wrong(...doubled, "FROM debian"), [
    "Dockerfile:12: ARG A11: its value is longer than 16384 characters — write a shorter default",
  ]);
  const nested = `${"${A:-".repeat(5000)}x${"}".repeat(5000)}`;
  assert.equal(wrong(`ARG B=${nested}`, "FROM debian"), [
    "Dockerfile:1: ARG B: it nests substitutions more than 100 deep — write a shorter default",
  ]);
  assert.match(
    wrong(`FROM ${nested}`).join("\n"),
    /cannot be resolved: it nests substitutions more than 100 deep/,
  );
});

dockerfile("a Dockerfile of thirty thousand stages is read in time", () => {
  const stages = Array.from({ length: 30_000 }, (_, index) => `FROM a AS s${index}`);
  const copies = Array.from({ length: 200 }, (_, index) => `COPY --from=s${index} x y`);
  const started = performance.now();
  assert.is(read(...stages, ...copies).length, 30_000);
  assert.ok(performance.now() - started < 10_000, `${performance.now() - started} ms`);
});

dockerfile("of two stages with one name the nearer counts", () => {
  assert.equal(read("FROM a AS x", "FROM b AS x", "FROM x"), ["a", "b*"]);
});

dockerfile("scratch is no image", () => {
  assert.equal(read("FROM a", "FROM scratch", "COPY --from=0 x y", "COPY --from=scratch x y"), ["a"]);
});

dockerfile("COPY --from takes a stage by name or number, and an image otherwise", () => {
  const lines = [
    "FROM a AS one",
    "FROM b",
    "COPY --from=ONE x y",
    "COPY --from=0 x y",
    "COPY --from=sci/c:1 x y",
  ];
  assert.equal(read(...lines), ["a", "b*", "sci/c:1"]);
});

dockerfile("COPY --from is found among other flags, in quotes and on continued lines", () => {
  const lines = [
    "FROM a",
    'COPY --link --chown=1:1 --from="b:1" x y',
    "COPY --chmod=755 \\",
    " # c",
    "  --from=c:1 \\",
    " x y",
  ];
  assert.equal(read(...lines), ["a*", "b:1", "c:1"]);
});

dockerfile("--from after the first source is no flag", () => {
  assert.equal(read("FROM a", "COPY x --from=b y", "RUN x --mount=from=c", "RUN x--y --mount=from=c"), [
    "a*",
  ]);
});

dockerfile("RUN --mount takes from an image, with its options in any order and several mounts", () => {
  const lines = [
    "FROM a AS s",
    "RUN --mount=type=bind,from=b:1,target=/b --network=none --mount=target=/c,FROM=c:1 make",
    'RUN --mount=type=bind,source="a b",from=d:1 make',
    'RUN --mount="type=bind,from=e:1,target=/e" make',
    "RUN --mount=type=cache,target=/x \\",
    "    # a comment",
    "    --mount=from=f:1,target=/f \\",
    "    make --mount=from=no",
    "FROM s",
    "RUN --mount=from=s,target=/s make",
  ];
  assert.equal(read(...lines), ["a*", "b:1", "c:1", "d:1", "e:1", "f:1"]);
});

dockerfile("ARGs before FROM are resolved, with what uses earlier ones", () => {
  const lines = [
    "ARG NAME=debian TAG=bookworm",
    "arg BASE=$NAME:${TAG}-slim",
    "FROM ${BASE}",
    "ARG BASE=no",
    "FROM $BASE",
  ];
  assert.equal(read(...lines), ["debian:bookworm-slim", "debian:bookworm-slim*"]);
});

dockerfile("quotes around a value or an image do not belong to it", () => {
  assert.equal(read(`ARG A="b:1"`, "ARG B='c'", 'FROM "$A" AS x', "FROM '$B'".replaceAll("'", '"')), [
    "b:1",
    "c*",
  ]);
});

dockerfile("a substitution takes its alternative as Docker does", () => {
  assert.is(from("${SET:-y}"), "ax*");
  assert.is(from("${EMPTY:-y}"), "ay*");
  assert.is(from("${EMPTY-y}"), "a*");
  assert.is(from("${UNSET-y}"), "ay*");
  assert.is(from("${NOWHERE:-y}"), "ay*");
  assert.is(from("${SET:+y}"), "ay*");
  assert.is(from("${UNSET:+y}"), "a*");
  assert.is(from("${EMPTY:+y}"), "a*");
  assert.is(from("${EMPTY+y}"), "ay*");
  assert.is(from("${UNSET:-${SET}z}"), "axz*");
  assert.is(from("${SET:?must-be-there}"), "ax*");
});

dockerfile("platforms in --platform are no matter", () => {
  assert.equal(read("FROM --platform=$BUILDPLATFORM a AS x", "FROM --platform=linux/amd64 b"), ["a", "b*"]);
});

dockerfile("digests and ports of registries belong to the reference", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.equal(read(`FROM localhost:5000/sci/a:1.0@${digest}`), [`localhost:5000/sci/a:1.0@${digest}*`]);
  assert.equal(read("FROM [::1]:5000/sci/a"), ["[::1]:5000/sci/a*"]);
});

dockerfile("a FROM inside a here-document is text", () => {
  assert.equal(read("FROM a", "RUN <<EOF", "FROM b", "EOF", "FROM c"), ["a", "c*"]);
  assert.equal(
    read("FROM a", "RUN cat 3<<-'EOF' > x && <<'B C' y", "FROM b", "\tEOF", "EOF", "FROM c", "B C", "FROM d"),
    ["a", "d*"],
  );
  assert.equal(read("FROM a", "COPY <<EOF <<E2 /x/", "FROM b", "E2", "EOF", "FROM b", "E2", "FROM c"), [
    "a",
    "c*",
  ]);
  assert.equal(read("FROM a", "ONBUILD RUN <<EOF", "FROM b", "EOF", "FROM c"), ["a", "c*"]);
});

dockerfile("a backslash quotes the word of a here-document, and is no part of it", () => {
  assert.equal(read("FROM a", "RUN cat <<\\EOF", "FROM b", "EOF", "FROM c"), ["a", "c*"]);
});

dockerfile("what only looks like a here-document hides nothing", () => {
  assert.equal(read("FROM a", 'RUN echo "a <<EOF b"', "FROM b"), ["a", "b*"]);
  assert.equal(
    read("FROM a", "RUN cat <<<EOF", "RUN echo $((1<<2))", 'LABEL x="<<EOF"', "CMD <<EOF", "FROM b"),
    ["a", "b*"],
  );
});

dockerfile("continued lines are one instruction, whatever stands between them", () => {
  assert.equal(read("FROM a", "RUN x \\", "# comment \\", "", "FROM b", "FROM c"), ["a", "c*"]);
  assert.equal(read("FROM a", "RUN x \\  ", "FROM b"), ["a*"]);
  assert.equal(read("FROM \\", "  # comment", "  a \\", "  AS \\", "  x", "FROM x"), ["a*"]);
  assert.equal(read("FR\\", "OM a", "FROM de\\", "bian:1"), ["a", "debian:1*"]);
  assert.equal(read("FROM a", "RUN x # no comment \\", "FROM b"), ["a*"]);
});

dockerfile("only blanks and tabs may follow the escape character of a line that goes on", () => {
  assert.equal(read("FROM a", "RUN x \\\t ", "COPY --from=b c d"), ["a*"]);
  for (const space of ["\u00A0", "\u3000", "\v", "\f"])
    assert.equal(read("FROM a", `RUN x \\${space}`, "COPY --from=b c d"), ["a*", "b"]);
  assert.equal(wrong("FROM\u00A0debian").length, 1, "and other white space ends no keyword");
});

dockerfile("<<- with a blank before its word opens no here-document", () => {
  assert.equal(read("FROM a", "RUN cat <<- EOF", "FROM b", "RUN cat << EOF", "FROM c"), ["a", "b", "c*"]);
});

dockerfile("a reference that goes on in the next line is read in one piece, with its place", () => {
  for (const [instruction, taken] of [
    ["RUN --mount=type=bind,from=al\\\n# c\n\npine:1,target=/x true", "al\\\n# c\n\npine:1"],
    ["RUN --mount=type=bind,fr\\\nom=alpine:1,target=/x true", "alpine:1"],
    ['COPY --from="al\\\npine:1" x y', "al\\\npine:1"],
    ["COPY --from=al\\ \r\npine:1 x y", "al\\ \r\npine:1"],
  ] as const) {
    const text = `FROM a\n${instruction}\n`;
    const { images, problems } = readDockerfile(text, "Dockerfile");
    assert.equal(problems, []);
    assert.equal(
      images.map(({ reference, start, end }) => [reference, text.slice(start, end)]),
      [
        ["a", "a"],
        ["alpine:1", taken],
      ],
    );
  }
});

dockerfile("a doubled escape character at the end continues nothing", () => {
  assert.equal(read("FROM a", "RUN dir C:\\\\", "FROM b"), ["a", "b*"]);
});

dockerfile("the escape directive decides what continues a line", () => {
  assert.equal(read("# escape=`", "FROM a", "RUN dir C:\\", "FROM `", " b AS x", "RUN y `", "FROM no"), [
    "a",
    "b*",
  ]);
  assert.equal(read("# syntax=docker/dockerfile:1", "#ESCAPE = ` ", "FROM a", "RUN C:\\", "FROM b"), [
    "a",
    "b*",
  ]);
  assert.equal(read("# a comment", "# escape=`", "FROM a", "RUN x \\", "FROM b"), ["a*"]);
  assert.equal(read("# escape=`", "FROM a", "COPY --from=b:1 `", "  --chown=1 x y"), ["a*", "b:1"]);
});

dockerfile("a byte order mark and Windows line ends change nothing", () => {
  const text =
    "\uFEFF# escape=`\r\nARG A=a:1\r\nFROM $A AS x\r\nRUN y `\r\n  z\r\nRUN <<E\r\nFROM b\r\nE\r\nFROM c:1\r\n";
  const { images, problems } = readDockerfile(text, "Dockerfile");
  assert.equal(problems, []);
  assert.equal(
    images.map(({ start, end }) => text.slice(start, end)),
    ["$A", "c:1"],
  );
  assert.equal(
    images.map(({ line }) => line),
    [3, 9],
  );
});

dockerfile("each image has its line, that of the continued line it stands on", () => {
  const text = "FROM a\nRUN --mount=from=b:1 \\\n  --mount=from=c:1 x\nCOPY \\\n --from=d:1 x y";
  assert.equal(
    readDockerfile(text, "Dockerfile").images.map(({ line }) => line),
    [1, 2, 3, 5],
  );
});

dockerfile("a Dockerfile without FROM is refused", () => {
  assert.equal(wrong("# nothing", "RUN x"), [
    "Dockerfile:1: has no FROM — begin with the image it builds on, e.g. FROM debian:bookworm-slim",
  ]);
  assert.equal(wrong(""), [
    "Dockerfile:1: has no FROM — begin with the image it builds on, e.g. FROM debian:bookworm-slim",
  ]);
});

dockerfile("an instruction before the first FROM is refused", () => {
  assert.equal(wrong("ARG A=a", "RUN x", "FROM $A"), [
    "Dockerfile:2: RUN stands before the first FROM — only ARG may stand there; move it below",
  ]);
});

dockerfile("a FROM with no image or too many words is refused", () => {
  for (const line of ["FROM", "FROM a b", "FROM a AS", "FROM a # comment", "FROM --platform=x"]) {
    assert.equal(wrong(line), [
      "Dockerfile:1: FROM takes one image — write FROM image, or FROM image AS name",
    ]);
  }
});

dockerfile("a base whose ARG has no default cannot be resolved", () => {
  assert.equal(wrong("ARG BASE", "FROM ${BASE}"), [
    "Dockerfile:2: the base ${BASE} cannot be resolved: ARG BASE has no default — give it one before FROM: ARG BASE=…",
  ]);
});

dockerfile("a base whose ARG does not stand before the first FROM cannot be resolved", () => {
  assert.equal(wrong("FROM a", "ARG TAG=1", "FROM a:$TAG"), [
    "Dockerfile:3: the base a:$TAG cannot be resolved: no ARG TAG stands before the first FROM — " +
      "give it one before FROM: ARG TAG=…",
  ]);
});

dockerfile("a base that depends on the platform cannot be resolved", () => {
  assert.equal(wrong("ARG NAME=a-$TARGETARCH", "FROM $NAME"), [
    "Dockerfile:2: the base $NAME cannot be resolved: TARGETARCH depends on the platform it is built for — " +
      "name the image itself, or give the ARG before FROM a default that can be known before the build",
  ]);
});

dockerfile("a substitution that is not understood is refused, not guessed at", () => {
  assert.equal(wrong("ARG A=abc", "FROM ${A%c}"), [
    'Dockerfile:2: the base ${A%c} cannot be resolved: "${A%c}" uses a substitution that is not understood — ' +
      "name the image itself, or give the ARG before FROM a default that can be known before the build",
  ]);
  const hint =
    "name the image itself, or give the ARG before FROM a default that can be known before the build";
  const lines = ["FROM ${A:?say-which}", "FROM ${A:-b", 'FROM "a'];
  assert.equal(wrong(...lines), [
    `Dockerfile:1: the base \${A:?say-which} cannot be resolved: A: say-which — ${hint}`,
    `Dockerfile:2: the base \${A:-b cannot be resolved: "\${A:-b" lacks a closing brace — ${hint}`,
    `Dockerfile:3: the base "a cannot be resolved: "a leaves a quote open — ${hint}`,
  ]);
});

dockerfile("what is no image reference is refused", () => {
  assert.equal(wrong("FROM Debian", "COPY --from=a:b:c x y"), [
    'Dockerfile:1: "Debian" is no image reference — write [registry/]name[:tag][@digest], the name in lower case',
    'Dockerfile:2: "a:b:c" is no image reference — write [registry/]name[:tag][@digest], the name in lower case',
  ]);
});

dockerfile("a variable in COPY --from or RUN --mount is refused, with the way round it", () => {
  assert.equal(wrong("ARG A=a", "FROM a", "COPY --from=$A x y", "RUN --mount=from=${A},target=/x y"), [
    "Dockerfile:3: COPY --from=$A: a variable cannot stand there — make a stage for it: FROM $A AS source, and name that",
    "Dockerfile:4: RUN --mount from=${A}: a variable cannot stand there — " +
      "make a stage for it: FROM ${A} AS source, and name that",
  ]);
});

dockerfile("the number of a stage that is not there yet is refused", () => {
  assert.equal(wrong("FROM a", "COPY --from=0 x y"), [
    "Dockerfile:2: COPY --from=0 is the number of no earlier stage — name the stage: FROM … AS name",
  ]);
});

dockerfile("a here-document without an end is refused, since it hides all that follows", () => {
  assert.equal(wrong("FROM a", "RUN <<EOF", "FROM b"), [
    "Dockerfile:2: the here-document <<EOF has no end — add a line that holds only EOF",
  ]);
});

dockerfile("an ONBUILD that takes from an image is refused", () => {
  const message =
    "ONBUILD takes from an image in the builds of other layers — " +
    "put it into the Dockerfiles of those layers, where its source can be followed";
  assert.equal(wrong("FROM a", "ONBUILD COPY --from=b x y", "ONBUILD RUN --mount=target=/x,from=b y"), [
    `Dockerfile:2: ${message}`,
    `Dockerfile:3: ${message}`,
  ]);
  assert.equal(read("FROM a", "ONBUILD RUN from=b", "ONBUILD COPY x y"), ["a*"]);
});

dockerfile("a FROM in a compat fragment is refused with its line, but not one in a here-document", () => {
  assert.equal(wrongFragment("RUN <<EOF", "FROM a", "EOF", "from b"), [
    "Dockerfile:4: FROM in a compat fragment — take it out: a compat layer is laid on the science layers that name it",
  ]);
});

dockerfile("a fragment may be empty, and may take from foreign images", () => {
  assert.equal(wrongFragment(""), []);
  const { images, problems } = readFragment("ARG X=1\nCOPY --from=tini:1 /tini /\n", "Dockerfile");
  assert.equal([images.map(({ reference }) => reference), problems], [["tini:1"], []]);
});

dockerfile("another reference put in the place of each image is read back, and nothing else changes", () => {
  const image = fc.constantFrom("a", "sci/a:1.0", "localhost:5000/sci/b:2.4", `d@sha256:${"0".repeat(64)}`);
  const gap = fc.constantFrom(" ", "\t ", " \\\n", " \\\n  # FROM no\n\n ", " \\\r\n ");
  const line = fc.oneof(
    fc.tuple(gap, image, fc.constantFrom("", "\r")).map(([space, name, end]) => `FROM${space}${name}${end}`),
    fc
      .tuple(gap, image)
      .map(([space, name]) => `from${space}--platform=$TARGETPLATFORM "${name}"${space}AS stage`),
    fc.tuple(gap, gap, image).map(([one, two, name]) => `COPY${one}--link${two}--from=${name}${one}x y`),
    fc.tuple(gap, image).map(([space, name]) => `COPY --from="${name}"${space}x y`),
    fc
      .tuple(gap, image, image)
      .map(
        ([space, one, two]) =>
          `RUN --mount=from=${one},target=/a${space}--mount=source="a b",from=${two}${space}x`,
      ),
    fc.constantFrom(
      'FROM ${A:-"x"}',
      "FROM $B",
      "FROM stage-not-there",
      'RUN echo "it is <<EOF"',
      "RUN <<E\nFROM no\nE",
      "",
      "# FROM no",
    ),
  );
  const file = fc
    .array(line, { minLength: 1, maxLength: 8 })
    .map((lines) => ["ARG A=a:1 B='b'", "FROM a", ...lines].join("\n"));
  fc.assert(
    fc.property(file, (text) => {
      const { images, problems } = readDockerfile(text, "Dockerfile");
      assert.equal(problems, []);
      let spliced = "";
      let copied = 0;
      for (const [index, { start, end }] of images.entries()) {
        spliced += text.slice(copied, start) + pinned(index);
        copied = end;
      }
      spliced += text.slice(copied);
      const again = readDockerfile(spliced, "Dockerfile");
      assert.equal(again.problems, []);
      const lines = images.map((each) => each.line);
      assert.equal(
        again.images.map((each) => each.reference),
        images.map((_, index) => pinned(index)),
      );
      assert.equal(
        again.images.map((each) => each.line),
        lines,
      );
      assert.equal(
        again.images.map((each) => each.final),
        images.map((each) => each.final),
      );
    }),
    { numRuns: 300 },
  );
});

dockerfile.run();
