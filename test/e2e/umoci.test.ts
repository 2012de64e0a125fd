import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, callers } from "./support/callers.ts";
import { installedPackages, layout } from "./support/layout.ts";
import { differences, type Entry, type Listing, listTree } from "./support/listing.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** PAVLOS_LONG=1: all packages of this machine instead of a few. */
const long = process.env.PAVLOS_LONG === "1";
/** Only root can see both trees as they are. */
const isRoot = process.getuid?.() === 0;
const everything = [
  "kind",
  "mode",
  "owner",
  "size",
  "time",
  "target",
  "linked",
  "content",
  "attributes",
] as const;

let images = "";
beforeAll(() => {
  if (!isRoot) return;
  images = mkdtempSync("/var/tmp/pavlos-e2e-images-");
  chmodSync(images, 0o755);
  packages(join(images, "packages"), long ? 100 : 6);
  manyLayers(join(images, "many"), long ? 300 : 110);
  giant(join(images, "giant"));
  marks(join(images, "marks"));
  upgrade(join(images, "upgrade"));
}, 600_000);
afterAll(() => {
  if (images !== "") rmSync(images, { recursive: true });
});

describe.each(isRoot ? callers() : [])("images from Debian packages as $kind", (caller) => {
  it.each(["packages", "many", "giant", "marks", "upgrade"])(
    "%s: the tree is umoci's",
    { timeout: 600_000 },
    (name) => {
      const at = world(caller);
      try {
        const image = join(images, name);
        at.write("environments/box.yaml", `rootfs: {image: "oci:${image}:test"}\ncommand: []\n`);
        expectCode(at.pavlos("pull"), 0);
        const own = merged(at);
        const other = umoci(at, image);
        expect(own.size).toBeGreaterThan(20);
        if (name === "many") {
          expectCode(at.pavlos("apply", "--yes"), 0);
          expect(at.ps("box").status).toBe("running");
        }
        expect(differences(own, other, fieldsFor(caller)).slice(0, 40)).toEqual([]);
      } finally {
        at.end();
      }
    },
  );
});

/** A rootless umoci gives all files to its caller, and has no capabilities. */
const fieldsFor = ({ kind }: Caller): readonly (keyof Entry)[] =>
  kind === "root" ? everything : everything.filter((field) => field !== "owner");

/** The layers of the only image in the store, mounted over each other by the kernel. */
function merged(at: World): Listing {
  const store = join(at.home, "data/store");
  const [record = ""] = readdirSync(join(store, "images"));
  const { layers } = JSON.parse(readFileSync(join(store, "images", record), "utf8")) as { layers: string[] };
  const directories = readdirSync(join(store, "layers"));
  const place = join(at.directory, "mount");
  mkdirSync(join(place, "point"), { recursive: true });
  // Short names: all of them must fit into a page.
  const lowers = [...new Set(layers.toReversed())].map((id, index) => {
    const name = directories.find((found) => found === id || found.startsWith(`${id}.`)) ?? "missing";
    execFileSync("ln", ["-s", join(store, "layers", name, "tree"), join(place, String(index))]);
    return index;
  });
  // An overlay wants two.
  mkdirSync(join(place, "empty"));
  const options = `lowerdir=${[...lowers, "empty"].join(":")}${at.caller.uid === 0 ? "" : ",userxattr"}`;
  const script = `cd '${place}' && LIBMOUNT_FORCE_MOUNT2=always mount -t overlay -o '${options}' overlay point && exec "$@"`;
  return sorted(listTree(join(place, "point"), ["unshare", "-m", "sh", "-c", script, "sh"]), at);
}

function umoci(at: World, image: string): Listing {
  const bundle = join(at.directory, "umoci");
  const rootless = at.caller.uid === 0 ? [] : ["--rootless"];
  // Its home: umoci looks for its user in /etc/passwd of the image, and writes beside the bundle.
  chownSync(at.directory, at.caller.uid, at.caller.gid);
  const { uid, gid } = at.caller;
  // It has no time limit: a large layer takes umoci minutes.
  execFileSync("umoci", ["unpack", ...rootless, "--image", `${image}:test`, bundle], {
    uid,
    gid,
    env: { ...at.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const found = listTree(join(bundle, "rootfs"));
  rmSync(bundle, { recursive: true });
  return sorted(found, at);
}

/** Without what a user cannot make: devices (umoci makes files in their place) and capabilities. */
function sorted(listing: Listing, { caller }: World): Listing {
  if (caller.uid === 0) return listing;
  const kept = [...listing].filter(([path]) => !path.startsWith("devices/"));
  return new Map(
    kept.map(([path, entry]) => {
      const attributes = entry.attributes.replace(/security\.capability=\S+ ?/, "").trim();
      return [path, { ...entry, attributes }];
    }),
  );
}

function packages(path: string, count: number): void {
  const image = layout(path);
  const some = installedPackages().filter(({ files }) => files.length > 10);
  for (const { files } of some.slice(0, count)) image.files(files);
  image.finish("test");
}

/** The first layers of more than a hundred packages: one removes what the one before has added. */
function manyLayers(path: string, count: number): void {
  const image = layout(path);
  const scratch = mkdtempSync("/var/tmp/pavlos-e2e-many-");
  const some = installedPackages().slice(0, count);
  for (const [index, { files }] of some.entries()) {
    if (index % 3 !== 2) {
      image.files(long ? files : withAncestors(files.slice(-2)));
      continue;
    }
    const last = some[index - 1]?.files.at(-1) ?? "/usr/none";
    const mark = last.replace(/([^/]+)$/, ".wh.$1");
    execFileSync("install", ["-D", "/dev/null", join(scratch, mark)]);
    image.files([mark], scratch);
  }
  rmSync(scratch, { recursive: true });
  image.finish("test");
}

/** The files and all directories on the way to them, in order. */
function withAncestors(files: readonly string[]): readonly string[] {
  const all = files.flatMap((file) =>
    file
      .split("/")
      .slice(1)
      .map((_, index, parts) => `/${parts.slice(0, index + 1).join("/")}`),
  );
  return [...new Set(all)].sort();
}

function giant(path: string): void {
  const image = layout(path);
  const most = long ? 400e6 : 4e6;
  const files = new Set<string>();
  let bytes = 0;
  // The largest that fit.
  for (const found of installedPackages().toReversed()) {
    const size = found.files.reduce((sum, file) => sum + lstatSync(file).size, 0);
    if (bytes > most * 0.9) break;
    if (bytes + size > most) continue;
    bytes += size;
    for (const file of found.files) files.add(file);
  }
  image.files([...files].sort());
  image.finish("test");
}

/** Whiteouts, opaque directories, types that change, links, attributes, odd owners, modes and times. */
function marks(path: string): void {
  const scratch = mkdtempSync("/var/tmp/pavlos-e2e-marks-");
  const script = (name: string, text: string) => {
    mkdirSync(join(scratch, name));
    execFileSync("sh", ["-euc", text], { cwd: join(scratch, name) });
    return join(scratch, name);
  };
  const image = layout(path);
  image.directory(script("bottom", bottom));
  image.directory(script("middle", middle));
  // Without the directories on the way: their looks are the bottom's.
  const top = script(
    "top",
    "mkdir -p a/b opaque/sub; echo top > a/b/top; : > a/b/.wh.file; echo new > opaque/sub/x",
  );
  image.files(["/a/b/top", "/a/b/.wh.file", "/opaque/sub/x"], top);
  image.finish("test");
  rmSync(scratch, { recursive: true });
}

const bottom = `
mkdir -p a/b opaque/old removed/deep again/old kept devices closed fifo
echo file > a/b/file; echo kept > kept/one; ln kept/one kept/two; ln -s one kept/link; ln -s /nowhere dangling
echo x > opaque/old/x; echo y > opaque/y; echo z > removed/deep/z; echo w > again/old/w; echo t > type-file; mkdir type-dir
echo c > type-dir/c; echo suid > suid; echo hidden > closed/file; mkfifo fifo/pipe
truncate -s 1M sparse; echo end >> sparse; : > empty
echo long > $(printf 'n%.0s' $(seq 200)); mkdir -p $(printf 'deep%.0s/' $(seq 40)); echo d > $(printf 'deep%.0s/' $(seq 40))file
mknod devices/null c 1 3; mknod devices/block b 7 99; printf 'caf\\303\\251' > "$(printf 'caf\\303\\251')"
setfattr -n user.note -v value kept/one; setfattr -n user.dir -v value a/b; setcap cap_net_raw+ep empty
chown 1234:4321 a; chown 33:33 kept/one; chmod 1777 a/b; chmod 0750 a; chmod 4755 suid; chmod 0000 closed/file; chmod 0111 closed
find . -mindepth 1 -exec touch -h -d @1234567890.123456789 {} +
touch -d @1000000000.5 a; touch -d @0 kept; touch -h -d @987654321 kept/link
`;
const middle = `
mkdir -p opaque/sub again kept a type-file; : > .wh.removed; : > opaque/.wh..wh..opq; echo own > opaque/own
: > .wh.again; echo new > again/new; : > kept/.wh.two; echo file > type-dir; echo inside > type-file/inside
echo other > dangling; rm -f kept/none; ln opaque/own hard; chmod 0751 a; chown 99:98 a
find . -mindepth 1 -exec touch -h -d @1300000000.987654321 {} +
`;

/** A package, its files again in another form, and one directory of it emptied and filled anew. */
function upgrade(path: string): void {
  const scratch = mkdtempSync("/var/tmp/pavlos-e2e-upgrade-");
  const [first, second] = installedPackages().filter(({ files }) => files.length > 20);
  const files = first?.files ?? [];
  const image = layout(path);
  image.files(files);
  image.files(second?.files ?? []);
  for (const file of files) {
    const target = join(scratch, file);
    if (lstatSync(file).isDirectory()) mkdirSync(target, { recursive: true });
    else symlinkSync("/new/target", target);
  }
  mkdirSync(join(scratch, "usr/share/doc"), { recursive: true });
  writeFileSync(join(scratch, "usr/share/doc/.wh..wh..opq"), "");
  image.directory(scratch);
  image.finish("test");
  rmSync(scratch, { recursive: true });
}
