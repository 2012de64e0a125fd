//! What is handed into a container and out of it: environment, groups, interfaces, pidfds.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::json;
use support::Place;

const SLEEP: [&str; 2] = ["sleep", "1000"];

/// The pid of the pidfd that comes to a listener.
fn received(listener: &UnixListener) -> u64 {
    let (stream, _) = listener.accept().unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut data = [0; 64];
    let parts = &mut [IoSliceMut::new(&mut data)];
    recvmsg(&stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let fd = fd.unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    pid.unwrap().trim().parse().unwrap()
}

#[test]
fn pidfds_go_to_who_asks_for_them() {
    let mut place = Place::new();
    let id = place.bundle(&SLEEP, |_| {});
    let (bundle, socket) = (place.dir.join(&id), place.dir.join("pidfd.sock"));
    let (bundle, path) = (bundle.to_str().unwrap(), socket.to_str().unwrap());
    let listener = UnixListener::bind(&socket).unwrap();
    let run = [
        "run",
        "--detach",
        "--pidfd-socket",
        path,
        "--bundle",
        bundle,
        &id,
    ];
    let mut child = place.command(&run).stdout(Stdio::null()).spawn().unwrap();
    let pid = received(&listener);
    assert!(child.wait().unwrap().success());
    assert_eq!(place.state(&id)["pid"], pid);
    let mut child = place
        .command(&[
            "exec",
            "--pidfd-socket",
            path,
            &id,
            "readlink",
            "/proc/self",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_ne!(received(&listener), pid);
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success() && said != "1\n", "{said}");
    let nobody = place.dir.join("nobody.sock");
    let args = [
        "exec",
        "--pidfd-socket",
        nobody.to_str().unwrap(),
        &id,
        "true",
    ];
    assert!(!place.pavlosc(&args).status.success());
    place.ok(&["delete", "--force", &id]);
}

#[test]
fn each_variable_is_there_once_and_an_empty_home_is_none() {
    let mut place = Place::new();
    let id = place.bundle(&["env"], |config| {
        config["process"]["env"] =
            json!(["ONE=1", "HOME=/x", "HOME=", "TWO=2", "ONE=", "PATH=/bin"]);
    });
    let bundle = place.dir.join(&id);
    let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    assert_eq!(said, "TWO=2\nONE=\nPATH=/bin\nHOME=/root\n");
}

#[test]
fn a_start_hook_has_the_commands_environment_where_it_brings_none() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |config| {
        config["process"]["env"] = json!(["PATH=/bin", "ONE=1"]);
        let script = "test \"$ONE$HOME\" = 1/root";
        config["hooks"]["startContainer"] =
            json!([{"path": "/bin/sh", "args": ["sh", "-c", script]}]);
    });
    let bundle = place.dir.join(&id);
    place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
}

#[test]
fn groups_of_exec_are_added_to_a_user_that_is_looked_up() {
    let mut place = Place::new();
    let id = place.bundle(&SLEEP, |_| {});
    place.supervise(&id);
    let args = [
        "exec",
        "--user",
        "paul",
        "--additional-gids",
        "7",
        &id,
        "id",
        "-G",
    ];
    assert_eq!(place.ok(&args), "1000 7 44\n");
}

#[test]
fn dev_is_read_only_when_it_is_full() {
    let mut place = Place::new();
    let script = "echo x > /dev/null && ! touch /dev/x 2> /dev/null && grep ' /dev ' /proc/mounts";
    let id = place.bundle(&["sh", "-c", script], |config| {
        let dev = config["mounts"].as_array_mut().unwrap();
        let dev = dev.iter_mut().find(|mount| mount["destination"] == "/dev");
        dev.unwrap()["options"]
            .as_array_mut()
            .unwrap()
            .push(json!("ro"));
    });
    let bundle = place.dir.join(&id);
    let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    assert!(said.contains(" ro,"), "{said}");
}

/// A namespace with a pair of interfaces stands for the host.
const INTERFACE: &str = "
ip link add lan0 mtu 1400 type veth peer name lan1
ip link set lan0 address 02:00:00:00:00:77
ip address add 169.254.169.77/32 dev lan0
\"$1\" --root \"$2/state\" run --bundle \"$2/$3\" \"$3\"
! ip link show lan0 2> /dev/null
";

#[test]
fn an_interface_moves_into_the_container_with_all_that_it_has() {
    let mut place = Place::new();
    let command = ["ip", "address", "show", "dev", "eth7"];
    let id = place.bundle(&command, |config| {
        config["linux"]["netDevices"] = json!({"lan0": {"name": "eth7"}});
    });
    let output = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-ec",
            INTERFACE,
            "sh",
            env!("CARGO_BIN_EXE_pavlosc"),
        ])
        .arg(&place.dir)
        .arg(&id)
        .output()
        .unwrap();
    let (said, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{error}");
    for expected in ["mtu 1400", "02:00:00:00:00:77", "169.254.169.77/32", "UP"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let bundle = place.dir.join(&id);
    let refused = place.pavlosc(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("linux.netDevices.lan0"), "{error}");
}
