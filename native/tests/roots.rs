//! Whose root a container and what enters it have, wherever the caller is.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::process::Command;

use serde_json::json;
use support::Place;

/// Runs a script in a mount namespace of its own, with the place's directory, its pavlosc and the id.
fn script(place: &Place, id: &str, text: &str) -> String {
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec", text])
        .arg("sh")
        .arg(&place.dir)
        .args([env!("CARGO_BIN_EXE_pavlosc"), id])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A chroot that sees the place at the same path.
const CHROOT: &str = r#"
dir=$1 pavlosc=$2 id=$3 root=$1/chroot
mkdir $root
[ $kind = plain ] || mount --bind $root $root
cp -a $dir/root/. $root
mkdir -p $root/sys $root$dir
echo the chroot > $root/mark
touch $root/pavlosc
mount --bind $pavlosc $root/pavlosc
mount --bind $dir $root$dir
mount -t proc proc $root/proc
mount --rbind /sys $root/sys
mount --rbind /dev $root/dev
inside() { chroot $root /pavlosc --root $dir/state "$@"; }
inside run --detach --bundle $dir/$id $id < /dev/null > /dev/null
inside exec $id cat /mark
inside exec $id sh -c 'nsenter -t 1 -m cat /mark || true'
inside delete --force $id
"#;

#[test]
fn a_caller_in_a_chroot_gets_into_the_container_and_nothing_gets_out() {
    for kind in ["plain", "mounted"] {
        let mut place = Place::new();
        let id = place.bundle(&["sleep", "1000"], |config| {
            for set in ["bounding", "effective", "permitted"] {
                config["process"]["capabilities"][set] = json!(["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]);
            }
        });
        fs::write(place.dir.join("root/mark"), "the container\n").unwrap();
        let said = script(&place, &id, &format!("kind={kind}\n{CHROOT}"));
        assert_eq!(said, "the container\nthe container\n", "{kind}");
    }
}

#[test]
fn without_a_mount_namespace_a_command_is_in_the_containers_root_too() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |config| {
        config["mounts"] = json!([]);
        config["linux"]["namespaces"] = json!([{"type": "pid"}, {"type": "uts"}]);
    });
    fs::write(place.dir.join("root/mark"), "the container\n").unwrap();
    place.supervise(&id);
    assert_eq!(place.ok(&["exec", &id, "cat", "/mark"]), "the container\n");
}

/// A process that keeps the namespaces of these flags of unshare.
struct Keeper(std::process::Child);

impl Keeper {
    fn new(flags: &[&str]) -> Self {
        let child = Command::new("unshare")
            .args(flags)
            .args(["sleep", "1000"])
            .spawn()
            .unwrap();
        let pid = child.id();
        support::wait_for("the keeper's namespaces", || {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "sleep\n")
        });
        Self(child)
    }

    fn path(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.0.id())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_network_is_joined_that_the_joined_user_namespace_does_not_own() {
    let (users, network) = (
        Keeper::new(&["--user", "--map-root-user"]),
        Keeper::new(&["--net", "--uts"]),
    );
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |config| {
        config["mounts"] = json!([]);
        config.as_object_mut().unwrap().remove("hostname");
        config["linux"]["namespaces"] = json!([
            {"type": "pid"},
            {"type": "mount"},
            {"type": "user", "path": users.path("user")},
            {"type": "uts", "path": network.path("uts")},
            {"type": "network", "path": network.path("net")},
        ]);
    });
    place.supervise(&id);
    let pid = place.state(&id)["pid"].as_u64().unwrap();
    let link = |path: String| fs::read_link(path).unwrap();
    assert_eq!(
        link(format!("/proc/{pid}/ns/net")),
        link(network.path("net"))
    );
    assert_eq!(
        link(format!("/proc/{pid}/ns/uts")),
        link(network.path("uts"))
    );
    assert_eq!(
        link(format!("/proc/{pid}/ns/user")),
        link(users.path("user"))
    );
    assert_eq!(place.ok(&["exec", &id, "echo", "in"]), "in\n");
}

#[test]
fn a_container_that_shares_mounts_leaves_those_of_the_host() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |config| {
        config["linux"]["rootfsPropagation"] = json!("shared");
    });
    let text = "dir=$1
        mkdir $dir/host
        mount -t tmpfs host $dir/host
        mount --make-shared $dir/host
        mkdir $dir/host/below
        mount -t tmpfs below $dir/host/below
        $2 --root $dir/state run --bundle $dir/$3 $3
        grep -c \" $dir/host/below \" /proc/self/mountinfo";
    assert_eq!(script(&place, &id, text), "1\n");
}

#[test]
fn a_mount_through_a_link_to_nothing_makes_what_is_missing_inside() {
    let outside = "/tmp/pavlosc-test-made-outside";
    let links = [
        ("../run/deep/resolv.conf", "run/deep/resolv.conf"),
        ("/run/other/file", "run/other/file"),
        (
            "../../../../../..//tmp/pavlosc-test-made-outside/x",
            "tmp/pavlosc-test-made-outside/x",
        ),
    ];
    for (target, made) in links {
        let mut place = Place::new();
        let id = place.bundle(&["cat", "/etc/target"], |config| {
            let source = place_source();
            config["mounts"] = json!([
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/etc/target", "type": "bind", "source": source, "options": ["bind"]},
            ]);
        });
        let root = place.dir.join("root");
        std::os::unix::fs::symlink(target, root.join("etc/target")).unwrap();
        let bundle = place.dir.join(&id);
        let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
        assert_eq!(said, fs::read_to_string(place_source()).unwrap());
        assert!(root.join(made).is_file(), "{made}");
        assert!(!std::path::Path::new(outside).exists());
    }
}

#[test]
fn nodes_are_in_their_directories_in_whatever_order_they_come() {
    // Among them two in the fresh /dev, one through a link, and one that is there twice.
    let nodes = [
        "/dev/dri/card1",
        "/dev/dri/renderD128",
        "/dev/one",
        "/dev/dri/card2",
        "/dev/caps/deep/cap1",
        "/dev/caps/deep/cap2",
        "/dev/caps/cap3",
        "/srv/four",
        "/srv/link/five",
        "/dev/dri/card1",
        "/dev/two",
    ];
    let device = |path: &&str| json!({"type": "c", "path": path, "source": "/dev/full", "major": 1, "minor": 7});
    for mut place in [Place::new(), Place::rootless()] {
        let look = [&["stat", "-c", "%n %t:%T"], &nodes[..], &["/etc/five"]].concat();
        let id = place.bundle(&look, |config| {
            config["linux"]["devices"] = nodes.iter().map(device).collect();
        });
        let root = place.dir.join("root");
        fs::create_dir(root.join("srv")).unwrap();
        std::os::unix::fs::symlink("../etc", root.join("srv/link")).unwrap();
        std::os::unix::fs::chown(root.join("srv"), Some(place.uid), Some(place.uid)).unwrap();
        let bundle = place.dir.join(&id);
        let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
        let seen = nodes.iter().chain(&["/etc/five"]);
        assert_eq!(
            said,
            seen.map(|path| format!("{path} 1:7\n")).collect::<String>()
        );
    }
}

#[test]
fn a_second_dev_over_the_first_has_all_nodes_too() {
    let mut place = Place::new();
    let id = place.bundle(&["ls", "/dev/dri"], |config| {
        let dev = json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"});
        config["mounts"] = json!([dev, dev]);
        let device = |path| json!({"type": "c", "path": path, "major": 1, "minor": 7});
        config["linux"]["devices"] = json!(["/dev/dri/card1", "/dev/dri/card2"].map(device));
    });
    let bundle = place.dir.join(&id);
    let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    assert_eq!(said, "card1\ncard2\n");
}

#[test]
fn a_link_to_itself_is_an_error() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |config| {
        config["mounts"] = json!([
            {"destination": "/etc/loop/x", "type": "bind", "source": place_source(), "options": ["bind"]},
        ]);
    });
    std::os::unix::fs::symlink("loop", place.dir.join("root/etc/loop")).unwrap();
    let bundle = place.dir.join(&id);
    let output = place.pavlosc(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    assert!(!output.status.success());
}

/// Some file of the host that everybody has.
fn place_source() -> &'static str {
    "/proc/version"
}
