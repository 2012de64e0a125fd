//! One more process inside: who it is, where it is, how it ends.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use support::{Place, wait_for};

const IDLE: [&str; 3] = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; while :; do sleep 0.05; done",
];

fn idle(place: &mut Place) -> String {
    let id = place.bundle(&IDLE, |_| {});
    place.supervise(&id);
    id
}

fn both() -> [Place; 2] {
    [Place::new(), Place::rootless()]
}

#[test]
fn the_exit_code_is_the_commands() {
    for mut place in both() {
        let id = idle(&mut place);
        let code = |command: &[&str]| {
            place
                .pavlosc(&[&["exec", &id], command].concat())
                .status
                .code()
        };
        assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7));
        assert_eq!(code(&["true"]), Some(0));
        assert_eq!(code(&["sh", "-c", "kill -9 $$"]), Some(137));
        assert_eq!(code(&["nothing-here"]), Some(127));
        assert_eq!(code(&["/etc/passwd"]), Some(126));
    }
}

#[test]
fn a_capability_that_is_inheritable_in_the_container_is_handed_on() {
    let mut place = Place::new();
    let id = place.bundle(&IDLE, |config| {
        let sets = &mut config["process"]["capabilities"];
        sets["bounding"] = json!(["CAP_CHOWN", "CAP_SYSLOG"]);
        sets["inheritable"] = json!(["CAP_CHOWN", "CAP_SYSLOG"]);
    });
    place.supervise(&id);
    let ambient = |args: &[&str]| {
        let command = ["grep", "CapAmb", "/proc/self/status"];
        place.ok(&[&["exec"], args, &[&id], &command].concat())
    };
    assert_eq!(ambient(&[]), "CapAmb:\t0000000000000000\n");
    let given = ambient(&["--cap", "CAP_SYSLOG"]);
    assert_eq!(given, "CapAmb:\t0000000400000000\n");
}

#[test]
fn a_command_can_go_to_a_cgroup_below_the_containers() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let directories = place.record(&id)["cgroup"].clone();
    let directories: Vec<_> = directories.as_object().unwrap().values().collect();
    for directory in &directories {
        fs::create_dir(format!("{}/below", directory.as_str().unwrap())).unwrap();
    }
    for cpuset in directories
        .iter()
        .filter(|path| path.to_string().contains("/cpuset/"))
    {
        for name in ["cpuset.cpus", "cpuset.mems"] {
            let path = cpuset.as_str().unwrap();
            let value = fs::read_to_string(format!("{path}/{name}")).unwrap();
            fs::write(format!("{path}/below/{name}"), value.trim()).unwrap();
        }
    }
    let said = place.ok(&["exec", "--cgroup", "below", &id, "cat", "/proc/self/cgroup"]);
    assert!(said.lines().any(|line| line.ends_with("/below")), "{said}");
    let refused = place.pavlosc(&["exec", "--cgroup", "../x", &id, "true"]);
    assert_eq!(refused.status.code(), Some(125));
}

#[test]
fn what_cannot_be_run_says_why() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let error = |args: &[&str]| {
        let output = place.pavlosc(args);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (_, text) = error(&["exec", &id, "nothing-here"]);
    assert!(
        text.contains("nothing-here") && text.contains("PATH"),
        "{text}"
    );
    let (code, text) = error(&["exec", "--user", "nobody-here", &id, "id"]);
    assert!(
        code == 125 && text.contains("nobody-here") && text.contains("passwd"),
        "{code} {text}"
    );
    let (code, text) = error(&["exec", "--cwd", "/nowhere", &id, "id"]);
    assert!(code == 125 && text.contains("/nowhere"), "{code} {text}");
    let (code, text) = error(&["exec", "never-was", "id"]);
    assert!(code == 125 && text.contains("never-was"), "{code} {text}");
    let (code, text) = error(&["exec", &id]);
    assert!(
        code == 125 && text.contains("command is missing"),
        "{code} {text}"
    );
}

#[test]
fn it_is_in_every_namespace_and_cgroup_of_the_container() {
    for mut place in both() {
        let id = idle(&mut place);
        let namespaces =
            "for kind in user mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$kind; done";
        let inside = place.ok(&["exec", &id, "sh", "-c", namespaces]);
        let init = place.record(&id)["pid"].as_u64().unwrap();
        let expected: String = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"]
            .iter()
            .map(|kind| {
                format!(
                    "{}\n",
                    fs::read_link(format!("/proc/{init}/ns/{kind}"))
                        .unwrap()
                        .display()
                )
            })
            .collect();
        assert_eq!(inside, expected);
        let pid_file = place.dir.join("exec.pid");
        let arguments = [
            "exec",
            "--detach",
            "--pid-file",
            pid_file.to_str().unwrap(),
            &id,
            "sleep",
            "100",
        ];
        // It has this test's output for its own: a pipe would be open as long as it runs.
        let status = place
            .command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        let pid = fs::read_to_string(pid_file).unwrap();
        let cgroups = |pid: &str| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert_eq!(cgroups(&pid), cgroups(&init.to_string()));
    }
}

#[test]
fn users_are_looked_up_inside() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let who = |user: &str| {
        let script = "echo $(id -u) $(id -g) $(id -G) $HOME";
        place
            .ok(&["exec", "--user", user, &id, "sh", "-c", script])
            .trim()
            .to_owned()
    };
    assert_eq!(who("paul"), "1000 1000 1000 44 /home/paul");
    assert_eq!(who("1000"), "1000 1000 1000 44 /home/paul");
    assert_eq!(who("paul:video"), "1000 44 44 /home/paul");
    assert_eq!(who("1"), "1 0 0 /");
    assert_eq!(who("0"), "0 0 0 /root");
}

#[test]
fn the_environment_is_the_bundles_with_the_callers_on_top() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let env = place.ok(&[
        "exec",
        "--env",
        "MORE=1",
        "--env",
        "FROM=caller",
        "--cwd",
        "/tmp",
        &id,
        "sh",
        "-c",
        "echo $FROM $MORE $PWD $SECRET",
    ]);
    assert_eq!(env, "caller 1 /tmp\n");
}

#[test]
fn rights_are_those_of_the_bundle() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let status = place.ok(&[
        "exec",
        &id,
        "grep",
        "-E",
        "^(Cap|NoNewPrivs|Seccomp:)",
        "/proc/self/status",
    ]);
    let init = place.record(&id)["pid"].as_u64().unwrap();
    let theirs = fs::read_to_string(format!("/proc/{init}/status")).unwrap();
    for line in status.lines() {
        assert!(theirs.contains(line), "{line} is not in\n{theirs}");
    }
    assert!(status.contains("NoNewPrivs:\t1"));
}

#[test]
fn nothing_of_the_caller_is_open_inside() {
    for mut place in both() {
        let id = idle(&mut place);
        let list = place.ok(&["exec", &id, "sh", "-c", "ls /proc/self/fd"]);
        // 3 is the directory that ls reads.
        assert_eq!(
            list.split_whitespace().collect::<Vec<_>>(),
            ["0", "1", "2", "3"]
        );
        let cwd = place.pavlosc(&["exec", "--cwd", "/proc/self/fd/4", &id, "true"]);
        assert_ne!(cwd.status.code(), Some(0));
    }
}

#[test]
fn input_and_output_are_the_callers() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut child = place
        .command(&["exec", &id, "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let big = vec![b'x'; 1 << 20];
    let mut input = child.stdin.take().unwrap();
    let text = big.clone();
    let writer = std::thread::spawn(move || input.write_all(&text).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.stdout == big);
}

#[test]
fn signals_are_passed_on() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let script = "trap 'exit 42' USR1; echo ready; while :; do sleep 0.05; done";
    let mut child = place
        .command(&["exec", &id, "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    std::process::Command::new("kill")
        .arg("-USR1")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(42));
}

#[test]
fn a_held_container_can_be_entered_and_a_stopped_one_cannot() {
    for mut place in both() {
        let id = place.bundle(&["true"], |_| {});
        place.ok(&[
            "run",
            "--supervise",
            "--hold",
            "--bundle",
            place.dir.join(&id).to_str().unwrap(),
            &id,
        ]);
        assert_eq!(place.ok(&["exec", &id, "hostname"]), format!("{id}\n"));
        place.ok(&["start", &id]);
        wait_for("end", || place.state(&id)["status"] == json!("stopped"));
        let output = place.pavlosc(&["exec", &id, "true"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(125) && error.contains("stopped"),
            "{error}"
        );
    }
}

#[test]
fn a_whole_process_can_be_given() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let file = place.dir.join("process.json");
    let process = json!({"args": ["sh", "-c", "echo $A $(id -u)"], "cwd": "/tmp", "env": ["PATH=/bin", "A=b"], "user": {"uid": 1000, "gid": 1000}});
    fs::write(&file, process.to_string()).unwrap();
    assert_eq!(
        place.ok(&["exec", "--process", file.to_str().unwrap(), &id]),
        "b 1000\n"
    );
}

#[test]
fn a_paused_container_says_so() {
    let mut place = Place::new();
    let id = idle(&mut place);
    place.ok(&["pause", &id]);
    let output = place.pavlosc(&["exec", &id, "true"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("paused"));
    place.ok(&["stop", &id]);
}
