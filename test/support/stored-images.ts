/** Images and indexes as engines push them, put into a registry over its API. */
import { createHash } from "node:crypto";

/** Something that a registry keeps, and what it is known by. */
interface Stored {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Puts a blob into a repository, in one upload. */
async function putBlob(
  address: string,
  repository: string,
  content: string,
  mediaType: string,
): Promise<Stored> {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const begun = await fetch(`http://${address}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location") ?? "");
  url.searchParams.set("digest", digest);
  const done = await fetch(url, { method: "PUT", body: content });
  if (done.status !== 201) throw new Error(`blob: ${done.status}`);
  return { mediaType, digest, size: Buffer.byteLength(content) };
}

/** Puts a manifest into a repository. */
async function putManifest(
  address: string,
  repository: string,
  name: string,
  content: Readonly<Record<string, unknown>> & { readonly mediaType: string },
): Promise<Stored & { readonly text: string }> {
  const body = JSON.stringify(content, undefined, 3);
  const { mediaType } = content;
  const url = `http://${address}/v2/${repository}/manifests/${name}`;
  const answer = await fetch(url, { method: "PUT", headers: { "content-type": mediaType }, body });
  if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`);
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  return { mediaType, digest, size: body.length, text: body };
}

/** Puts an image of two layers into a repository: as Docker 20 pushes it, or as newer engines do. */
export async function putImage(
  address: string,
  repository: string,
  name: string,
  {
    kind = "docker",
    architecture = "amd64",
    labels = { "org.sciserver.science.a.version": "1.0-42-f90dbd6" },
  }: { kind?: "docker" | "oci"; architecture?: string; labels?: Readonly<Record<string, string>> } = {},
): Promise<Stored & { readonly text: string; readonly layers: readonly Stored[] }> {
  const oci = kind === "oci";
  const layerType = oci
    ? "application/vnd.oci.image.layer.v1.tar+gzip"
    : "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const layers = [];
  for (const layer of ["base", "top"])
    layers.push(await putBlob(address, repository, `${layer} of ${repository}`, layerType));
  const configuration = {
    architecture,
    os: "linux",
    created: "2026-01-02T03:04:05Z",
    config: {
      Env: ["PATH=/bin", "NAME=a=b"],
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: [] },
  };
  const configType = oci
    ? "application/vnd.oci.image.config.v1+json"
    : "application/vnd.docker.container.image.v1+json";
  const config = await putBlob(address, repository, JSON.stringify(configuration), configType);
  const mediaType = oci
    ? "application/vnd.oci.image.manifest.v1+json"
    : "application/vnd.docker.distribution.manifest.v2+json";
  return {
    ...(await putManifest(address, repository, name, {
      schemaVersion: 2,
      mediaType,
      config,
      layers,
    })),
    layers,
  };
}

/** Puts an index as BuildKit pushes it: an image for arm64, one for amd64, and how each was made. */
export async function putIndex(
  address: string,
  repository: string,
  tag: string,
  architectures: readonly string[] = ["arm64", "amd64"],
): Promise<Stored & { readonly text: string }> {
  const manifests: unknown[] = [];
  for (const architecture of architectures) {
    const image = await putImage(address, repository, `made-${architecture}`, { kind: "oci", architecture });
    const attestation = await putManifest(address, repository, `attested-${architecture}`, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: await putBlob(
        address,
        repository,
        `{"${architecture}":1}`,
        "application/vnd.oci.image.config.v1+json",
      ),
      layers: [
        await putBlob(address, repository, `{"of":"${architecture}"}`, "application/vnd.in-toto+json"),
      ],
    });
    const { mediaType, digest, size } = image;
    manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
    manifests.unshift({
      mediaType,
      digest: attestation.digest,
      size: attestation.size,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest,
      },
    });
  }
  const mediaType = "application/vnd.oci.image.index.v1+json";
  return putManifest(address, repository, tag, { schemaVersion: 2, mediaType, manifests });
}
