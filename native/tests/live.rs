//! Mounts and devices of containers that run.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Place, wait_for};

const IDLE: [&str; 3] = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; while :; do sleep 0.05; done",
];

fn both() -> [Place; 2] {
    [Place::new(), Place::rootless()]
}

fn idle(place: &mut Place, change: impl FnOnce(&mut Value)) -> String {
    let id = place.bundle(&IDLE, change);
    place.supervise(&id);
    id
}

/// The answers of `pavlosc VERB` to a list of requests.
fn ask(place: &Place, verb: &str, requests: Value) -> Vec<Value> {
    let mut child = place
        .command(&[verb])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = requests.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed = lines.iter().any(|line| line.get("error").is_some());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{said}");
    lines
}

fn done(lines: &[Value]) {
    for line in lines {
        assert!(line.get("error").is_none(), "{line}");
    }
}

fn share(place: &Place, name: &str) -> String {
    let dir = place.dir.join(name);
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("file"), name).unwrap();
    std::os::unix::fs::chown(&dir, Some(place.uid), Some(place.uid)).unwrap();
    dir.to_str().unwrap().to_owned()
}

fn inside(place: &Place, id: &str, script: &str) -> (Option<i32>, String) {
    let output = place.pavlosc(&["exec", id, "sh", "-c", script]);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.trim().to_owned())
}

/// A process in the container that uses something until it is killed; comes back once it does.
fn hold(place: &Place, id: &str, script: &str) -> u64 {
    let pid_file = place.dir.join(format!("{id}-holder"));
    let script = format!("{script}; touch /tmp/holds; exec sleep 100");
    let arguments = [
        "exec",
        "--detach",
        "--pid-file",
        pid_file.to_str().unwrap(),
        id,
        "sh",
        "-c",
    ];
    let status = place
        .command(&[arguments.as_slice(), &[&script]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    wait_for("holder", || {
        inside(place, id, "test -e /tmp/holds").0 == Some(0)
    });
    fs::read_to_string(pid_file).unwrap().parse().unwrap()
}

fn release(pid: u64) {
    let status = std::process::Command::new("kill")
        .arg("-9")
        .arg(pid.to_string())
        .status();
    assert!(status.unwrap().success());
    wait_for("end of the holder", || !support::is_alive(pid));
}

#[test]
fn a_mount_comes_goes_and_is_replaced() {
    for mut place in both() {
        let id = idle(&mut place, |_| {});
        let (one, two) = (share(&place, "one"), share(&place, "two"));
        let bind = |action: &str, source: &str, options: Value| json!([{"id": id, "action": action, "target": "/new/data", "source": source, "options": options}]);
        done(&ask(
            &place,
            "mount",
            bind("add", &one, json!(["rbind", "rro", "nosuid"])),
        ));
        assert_eq!(inside(&place, &id, "cat /new/data/file").1, "one");
        assert_ne!(inside(&place, &id, "touch /new/data/x").0, Some(0));
        done(&ask(
            &place,
            "mount",
            bind("replace", &two, json!(["rbind"])),
        ));
        assert_eq!(inside(&place, &id, "cat /new/data/file").1, "two");
        assert_eq!(inside(&place, &id, "touch /new/data/x").0, Some(0));
        assert!(Path::new(&two).join("x").exists());
        let remove = json!([{"id": id, "action": "remove", "target": "/new/data"}]);
        done(&ask(&place, "mount", remove.clone()));
        assert_eq!(inside(&place, &id, "ls -A /new/data").1, "");
        assert!(
            !inside(&place, &id, "cat /proc/mounts")
                .1
                .contains("/new/data")
        );
        done(&ask(&place, "mount", remove));
    }
}

#[test]
fn many_requests_have_an_answer_each() {
    for mut place in both() {
        let (first, second) = (idle(&mut place, |_| {}), idle(&mut place, |_| {}));
        let source = share(&place, "one");
        let file = format!("{source}/file");
        let lines = ask(
            &place,
            "mount",
            json!([
                {"id": first, "action": "add", "target": "/a", "type": "tmpfs", "options": ["size=64k", "mode=755", "nosuid"]},
                {"id": "never-was", "action": "add", "target": "/a", "source": source},
                {"id": second, "action": "add", "target": "/a", "source": format!("{source}/nothing")},
                {"id": first, "action": "add", "target": "/b/file", "source": file, "options": ["ro"]},
                {"id": second, "action": "add", "target": "/b", "source": source},
            ]),
        );
        let failed = |index: u64| {
            let line = lines.iter().find(|line| line["index"] == index).unwrap();
            line.get("error").is_some()
        };
        assert_eq!(
            [0, 1, 2, 3, 4].map(failed),
            [false, true, true, false, false]
        );
        assert_eq!(
            inside(
                &place,
                &first,
                "cat /b/file; df -k /a | tail -n 1 | grep -c ' 64 '"
            )
            .1,
            "one1"
        );
        assert_eq!(inside(&place, &second, "ls /b").1, "file");
    }
}

#[test]
fn what_is_in_use_stays_and_its_user_is_named() {
    for mut place in both() {
        let id = idle(&mut place, |_| {});
        let (one, two) = (share(&place, "one"), share(&place, "two"));
        let add = json!([{"id": id, "action": "add", "target": "/data", "source": one, "options": ["rbind"]}]);
        done(&ask(&place, "mount", add));
        let pid = hold(&place, &id, "cd /data");
        let remove = |check: bool| {
            ask(
                &place,
                "mount",
                json!([{"id": id, "action": "remove", "target": "/data", "check": check}]),
            )
        };
        for lines in [
            remove(true),
            remove(false),
            ask(
                &place,
                "mount",
                json!([{"id": id, "action": "replace", "target": "/data", "source": two}]),
            ),
        ] {
            assert_eq!(lines[0]["error"]["errno"], libc::EBUSY, "{}", lines[0]);
            assert_eq!(lines[0]["holders"], json!([{"pid": pid, "name": "sleep"}]));
            assert_eq!(inside(&place, &id, "cat /data/file").1, "one");
        }
        release(pid);
        done(&remove(true));
        assert_eq!(inside(&place, &id, "cat /data/file").1, "one");
        done(&remove(false));
        assert_eq!(inside(&place, &id, "ls -A /data").1, "");
    }
}

#[test]
fn a_tree_of_mounts_goes_as_a_whole_or_not_at_all() {
    for mut place in both() {
        let id = idle(&mut place, |_| {});
        let source = share(&place, "one");
        let lines = ask(
            &place,
            "mount",
            json!([
                {"id": id, "action": "add", "target": "/data", "source": source},
                {"id": id, "action": "add", "target": "/data/below", "type": "tmpfs"},
                {"id": id, "action": "add", "target": "/data/below/deep", "type": "tmpfs"},
            ]),
        );
        done(&lines);
        let remove = json!([{"id": id, "action": "remove", "target": "/data"}]);
        let pid = hold(&place, &id, "exec 5>/data/below/deep/x");
        let lines = ask(&place, "mount", remove.clone());
        assert_eq!(lines[0]["error"]["errno"], libc::EBUSY, "{}", lines[0]);
        assert_eq!(
            inside(&place, &id, "cat /data/file; ls /data/below/deep").1,
            "onex"
        );
        release(pid);
        done(&ask(&place, "mount", remove));
        assert!(!inside(&place, &id, "cat /proc/mounts").1.contains("/data"));
    }
}

#[test]
fn a_link_in_the_root_leads_nowhere_else() {
    let mut place = Place::new();
    let victim = place.dir.join("victim");
    fs::create_dir(&victim).unwrap();
    std::os::unix::fs::symlink(&victim, place.dir.join("root/escape")).unwrap();
    let id = idle(&mut place, |_| {});
    let source = share(&place, "one");
    ask(
        &place,
        "mount",
        json!([{"id": id, "action": "add", "target": "/tmp/../escape/x", "source": source}]),
    );
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    let add =
        json!([{"id": id, "add": [{"type": "c", "path": "/escape/node", "major": 1, "minor": 7}]}]);
    ask(&place, "device", add);
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    let lines = ask(
        &place,
        "mount",
        json!([{"id": id, "action": "remove", "target": "/"}]),
    );
    assert!(
        lines[0]["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("root")
    );
}

#[test]
fn a_device_comes_with_its_right_and_goes_with_it() {
    for mut place in both() {
        let rules = |own: &[Value]| {
            let mut all = vec![json!({"allow": false, "access": "rwm"})];
            all.extend_from_slice(own);
            Value::Array(all)
        };
        let id = idle(&mut place, |config| {
            if config["linux"].get("uidMappings").is_none() {
                config["linux"]["resources"] = json!({"devices": rules(&[])});
            }
        });
        // /dev/full under another name: whoever opens it and is allowed to gets "no space".
        let node = json!({"type": "c", "path": "/dev/mine/full", "source": "/dev/full", "major": 1, "minor": 7});
        let link = json!({"path": "/dev/by-name", "target": "mine/full"});
        let own = json!({"allow": true, "type": "c", "major": 1, "minor": 7, "access": "rw"});
        done(&ask(
            &place,
            "device",
            json!([{"id": id, "add": [node], "link": [link], "rules": rules(&[own])}]),
        ));
        let script = "test -c /dev/by-name && head -c 3 /dev/mine/full | wc -c";
        assert_eq!(inside(&place, &id, script).1, "3");
        done(&ask(
            &place,
            "device",
            json!([{"id": id, "add": [node], "link": [link]}]),
        ));
        let pid = hold(&place, &id, "exec 5</dev/mine/full");
        let remove = json!([{"id": id, "remove": [node], "unlink": [link], "rules": rules(&[])}]);
        let lines = ask(&place, "device", remove.clone());
        assert_eq!(lines[0]["error"]["errno"], libc::EBUSY, "{}", lines[0]);
        assert_eq!(lines[0]["holders"][0]["pid"], pid);
        assert_eq!(inside(&place, &id, script).1, "3");
        release(pid);
        done(&ask(
            &place,
            "device",
            json!([{"id": id, "remove": [node], "check": true}]),
        ));
        assert_eq!(inside(&place, &id, script).1, "3");
        done(&ask(&place, "device", remove));
        assert_eq!(
            inside(&place, &id, "ls /dev/mine; readlink /dev/by-name").1,
            ""
        );
    }
}

#[test]
fn rules_are_the_kernels_at_once() {
    let mut place = Place::new();
    let id = idle(&mut place, |config| {
        config["linux"]["resources"] = json!({"devices": [{"allow": false, "access": "rwm"}]});
    });
    // No driver has this number: who may open it learns that, who may not learns only that.
    let node = json!({"type": "c", "path": "/dev/ghost", "major": 511, "minor": 77});
    let open = || {
        let output = place.pavlosc(&["exec", &id, "sh", "-c", "exec 5</dev/ghost"]);
        String::from_utf8(output.stderr).unwrap()
    };
    done(&ask(&place, "device", json!([{"id": id, "add": [node]}])));
    assert!(open().contains("not permitted"), "{}", open());
    let own = json!({"allow": true, "type": "c", "major": 511, "minor": 77, "access": "r"});
    let none = json!({"allow": false, "access": "rwm"});
    done(&ask(
        &place,
        "device",
        json!([{"id": id, "rules": [none, own]}]),
    ));
    assert!(open().contains("No such device"), "{}", open());
    assert_eq!(
        inside(
            &place,
            &id,
            "echo x >/dev/null && head -c 1 /dev/zero | wc -c"
        )
        .1,
        "1"
    );
    done(&ask(&place, "device", json!([{"id": id, "rules": [none]}])));
    assert!(open().contains("not permitted"), "{}", open());
}

#[test]
fn what_cannot_be_made_leaves_nothing() {
    for mut place in both() {
        let id = idle(&mut place, |_| {});
        let good = json!({"type": "c", "path": "/dev/good", "source": "/dev/full", "major": 1, "minor": 7});
        let wrong = json!({"type": "c", "path": "/dev/null", "source": "/dev/full", "major": 1, "minor": 7});
        let lines = ask(&place, "device", json!([{"id": id, "add": [good, wrong]}]));
        let reason = lines[0]["error"]["reason"].as_str().unwrap();
        assert!(reason.contains("not the device 1:7"), "{reason}");
        assert_eq!(inside(&place, &id, "ls /dev/good").1, "");
        let lines = ask(&place, "device", json!([{"id": id, "remove": [wrong]}]));
        assert!(
            lines[0]["error"]["reason"]
                .as_str()
                .unwrap()
                .contains("not the device")
        );
        assert_eq!(inside(&place, &id, "test -c /dev/null").0, Some(0));
    }
}

#[test]
fn a_request_that_is_not_understood_changes_nothing() {
    let place = Place::new();
    for (verb, text) in [
        (
            "mount",
            r#"[{"id": "x", "action": "move", "target": "/a"}]"#,
        ),
        ("device", r#"[{"id": "x", "nodes": []}]"#),
    ] {
        let mut child = place
            .command(&[verb])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("[0]"));
    }
}
