/**
 * Container engines besides the machine's own Docker: Podman, and those of other Debian releases, each in a root
 * directory of its own. They need root.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dockerFlags, installPackages, privateFolder, runLogged, startEngineProcess } from "./platform.ts";
import type { EngineHome, EngineProcess } from "./platform.ts";

/** An engine to test with. */
export interface EngineKind {
  /** Of a Debian release in a root of its own; undefined for this machine's. */
  readonly release?: "trixie" | "sid";
  readonly program: "docker" | "podman";
  /** Docker's image store: the one of its storage drivers, or containerd's. */
  readonly store?: "graph" | "containerd";
}

/** Starts such an engine, with its data below `directory`. Makes the root directory first where that is missing. */
export async function startEngineOf(
  { release, program, store = "graph" }: EngineKind,
  directory: string,
): Promise<EngineProcess> {
  if (release === undefined) await installPackages(["podman", "crun"], "Podman");
  const root = release === undefined ? "/" : await rootOf(release);
  return startEngineProcess(directory, async (place) => {
    const { home, runtime } = place;
    const command = program === "docker" ? await dockerd(place, store) : await podman(place);
    return [
      "unshare",
      "--mount",
      "--propagation=private",
      "sh",
      "-ec",
      enter,
      "sh",
      root,
      home,
      runtime,
      ...command,
    ];
  });
}

async function dockerd(place: EngineHome, store: "graph" | "containerd"): Promise<string[]> {
  const configuration = join(place.home, "daemon.json");
  const features = { "containerd-snapshotter": store === "containerd" };
  await writeFile(configuration, JSON.stringify({ features }));
  return ["dockerd", `--config-file=${configuration}`, "--ip6tables=false", ...(await dockerFlags(place))];
}

/** Podman's service, with nothing of the machine's configuration: registries on the loopback are spoken to by HTTP. */
async function podman({ home, runtime, socket }: EngineHome): Promise<string[]> {
  const files = {
    CONTAINERS_CONF: podmanSettings,
    CONTAINERS_REGISTRIES_CONF: '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n',
    CONTAINERS_STORAGE_CONF: `[storage]\ndriver = "overlay"\ngraphroot = "${join(home, "data")}"\nrunroot = "${join(runtime, "storage")}"\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);
  const variables = Object.keys(files).map((name) => `${name}=${join(home, name)}`);
  const flags = [`--tmpdir=${join(home, "tmp")}`, "system", "service", "--time=0", `unix://${socket}`];
  return ["env", ...variables, "podman", ...flags];
}

// As it takes to run inside a container, where there are no cgroups to give away.
const podmanSettings = `[containers]
netns = "host"
cgroups = "disabled"
default_ulimits = ["nofile=10000:10000", "nproc=10000:10000"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "crun"
events_logger = "file"
`;

/** Enters a root directory, where the engine's folders are found at the same paths, and becomes the command. */
const enter = `root=$1 home=$2 runtime=$3
shift 3
if [ "$root" != / ]; then
  mount --bind "$root" "$root"
  mkdir -p "$root/.old" "$root$home" "$root$runtime"
  for place in proc sys dev; do mount --rbind "/$place" "$root/$place"; done
  mount --bind "$home" "$root$home"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  mount -t tmpfs tmpfs "$root/run"
  mkdir -p "$root$runtime"
  mount --bind "$runtime" "$root$runtime"
  cd "$root"
  pivot_root . .old
  umount -l /.old
  cd /
fi
case " $* " in *" podman "*) umount /sys/fs/cgroup/unified 2> /dev/null || true ;; esac
exec "$@"
`;

/** The root directory of a Debian release with its Docker and Podman, made from Debian's packages where it is missing. */
async function rootOf(release: string): Promise<string> {
  const root = join(privateFolder, "roots", release);
  if (existsSync(root)) return root;
  await installPackages(["debootstrap", "debian-archive-keyring"], `the engines of Debian ${release}`);
  await mkdir(join(privateFolder, "roots"), { recursive: true });
  const packages =
    "docker.io,docker-cli,docker-buildx,podman,crun,netavark,ca-certificates,iptables,iproute2";
  const unfinished = `${root}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await runLogged(`${root}.log`, "debootstrap", [
    "--variant=minbase",
    `--include=${packages}`,
    release,
    unfinished,
    "http://deb.debian.org/debian",
  ]);
  await rename(unfinished, root);
  return root;
}
