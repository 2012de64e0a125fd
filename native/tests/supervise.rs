//! Containers under a supervisor: output, ends, stops.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Place, is_alive, wait_for};

const TICK: &str = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";

fn lines_when(place: &Place, id: &str, count: usize) -> Vec<String> {
    wait_for("output", || place.log(id).len() >= count);
    place.log(id)
}

#[test]
fn both_streams_are_logged_and_the_exit_code_is_kept() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(
            &["sh", "-c", "echo out; echo err >&2; printf end; exit 7"],
            |_| {},
        );
        place.supervise(&id);
        let status = place.status(&id);
        assert_eq!(
            (status["exitCode"].as_i64(), &status["signal"]),
            (Some(7), &Value::Null)
        );
        assert_eq!(status["requested"], json!(false));
        let mut lines = place.log(&id);
        lines.sort();
        assert_eq!(lines, ["stderr F err", "stdout F out", "stdout P end"]);
        assert_eq!(place.state(&id)["status"], json!("stopped"));
        place.ok(&["stop", &id]);
        assert!(!place.dir.join("state").join(&id).exists());
    }
}

#[test]
fn stop_asks_the_command_and_removes_the_container() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", TICK], |_| {});
        place.supervise(&id);
        lines_when(&place, &id, 1);
        let record = place.record(&id);
        assert_eq!(place.ok(&["stop", &id]), format!("{{\"id\":\"{id}\"}}\n"));
        assert_eq!(place.log(&id), ["stdout F ready", "stdout F bye"]);
        let status = place.status(&id);
        assert_eq!(
            (status["exitCode"].as_i64(), status["requested"].as_bool()),
            (Some(3), Some(true))
        );
        assert!(!is_alive(record["supervisor"]["pid"].as_u64().unwrap()));
        for directory in record["cgroup"].as_object().unwrap().values() {
            assert!(
                !fs::exists(directory.as_str().unwrap()).unwrap(),
                "{directory}"
            );
        }
        assert_eq!(place.ok(&["stop", &id, "never-was"]).lines().count(), 2);
    }
}

#[test]
fn a_command_that_does_not_hear_is_killed_after_its_time() {
    let mut place = Place::new();
    let id = place.bundle(
        &[
            "sh",
            "-c",
            "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        ],
        |_| {},
    );
    place.supervise(&id);
    lines_when(&place, &id, 1);
    let begun = Instant::now();
    place.ok(&["stop", &id]);
    assert!(
        (Duration::from_millis(1900)..Duration::from_secs(8)).contains(&begun.elapsed()),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(place.status(&id)["signal"], json!(9));
}

#[test]
fn a_held_container_waits_for_its_start() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", "echo ran"], |_| {});
        place.ok(&[
            "run",
            "--supervise",
            "--hold",
            "--bundle",
            place.dir.join(&id).to_str().unwrap(),
            &id,
        ]);
        assert_eq!(place.state(&id)["status"], json!("created"));
        assert!(place.log(&id).is_empty());
        place.ok(&["start", &id]);
        let status = place.status(&id);
        assert_eq!(status["exitCode"], json!(0));
        assert!(
            status["startedAt"].as_str().unwrap() <= status["exitedAt"].as_str().unwrap(),
            "{status}"
        );
        assert_eq!(place.log(&id), ["stdout F ran"]);
        // What it wrote is found as written since its start.
        let written = place.raw_log(&id);
        assert!(
            status["startedAt"].as_str().unwrap() <= written.split(' ').next().unwrap(),
            "{status} {written}"
        );
    }
}

#[test]
fn a_held_container_that_is_stopped_never_ran() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "echo ran"], |_| {});
    place.ok(&[
        "run",
        "--supervise",
        "--hold",
        "--bundle",
        place.dir.join(&id).to_str().unwrap(),
        &id,
    ]);
    let begun = Instant::now();
    place.ok(&["stop", &id]);
    assert!(begun.elapsed() < Duration::from_millis(1500));
    assert!(place.log(&id).is_empty());
    assert_eq!(place.status(&id)["startedAt"], Value::Null);
}

#[test]
fn the_container_dies_with_its_supervisor_and_stop_cleans_up() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", TICK], |_| {});
        place.supervise(&id);
        lines_when(&place, &id, 1);
        let record = place.record(&id);
        let supervisor = record["supervisor"]["pid"].as_u64().unwrap();
        std::process::Command::new("kill")
            .arg("-9")
            .arg(supervisor.to_string())
            .status()
            .unwrap();
        wait_for("death of the init", || {
            !is_alive(record["pid"].as_u64().unwrap())
        });
        assert_eq!(place.state(&id)["status"], json!("stopped"));
        place.ok(&["stop", &id]);
        for directory in record["cgroup"].as_object().unwrap().values() {
            assert!(
                !fs::exists(directory.as_str().unwrap()).unwrap(),
                "{directory}"
            );
        }
    }
}

#[test]
fn the_supervisor_holds_nothing_of_its_caller() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "100"], |_| {});
    let bundle = place.dir.join(&id);
    let held = fs::File::create(place.dir.join("held")).unwrap();
    let mut run = place.command(&[
        "run",
        "--supervise",
        "--bundle",
        bundle.to_str().unwrap(),
        &id,
    ]);
    // The pipe ends when nobody holds it any more: `output` waits for that.
    run.stdin(held).stderr(Stdio::piped());
    assert!(run.output().unwrap().status.success());
    let record = place.record(&id);
    for process in [
        record["supervisor"]["pid"].as_u64().unwrap(),
        record["pid"].as_u64().unwrap(),
    ] {
        for entry in fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
            let target = match fs::read_link(entry.unwrap().path()) {
                Ok(target) => target,
                // Closed since the list was read: the supervisor reads its maps once it has started.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => panic!("{process}: {error}"),
            };
            assert!(
                !target.ends_with("held"),
                "{process} holds {}",
                target.display()
            );
        }
    }
    let supervisor = record["supervisor"]["pid"].as_u64().unwrap();
    assert_eq!(
        fs::read_link(format!("/proc/{supervisor}/cwd"))
            .unwrap()
            .to_str(),
        Some("/")
    );
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let session = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(3)
        .unwrap()
        .to_owned();
    assert_eq!(session, supervisor.to_string());
}

#[test]
fn many_are_made_at_once_with_a_line_for_each() {
    let mut place = Place::new();
    let mut list: Vec<Value> = (0..8)
        .map(|_| {
            let id = place.bundle(&["sh", "-c", "echo $SECRET; exec sleep 100"], |_| {});
            json!({"id": id, "bundle": place.dir.join(&id), "env": {"SECRET": format!("secret of {id}")}})
        })
        .collect();
    list.push(json!({"id": "no-bundle", "bundle": "/nonexistent"}));
    let mut run = place.command(&["run", "--supervise", "--batch", "-"]);
    let mut child = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(serde_json::to_string(&list).unwrap().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 9);
    for line in &lines {
        let id = line["id"].as_str().unwrap();
        if id == "no-bundle" {
            assert!(
                line["error"]["reason"]
                    .as_str()
                    .unwrap()
                    .contains("No such file"),
                "{line}"
            );
            continue;
        }
        assert!(is_alive(line["pid"].as_u64().unwrap()));
        assert_eq!(
            lines_when(&place, id, 1),
            [format!("stdout F secret of {id}")]
        );
        let config = fs::read_to_string(place.dir.join(id).join("config.json")).unwrap();
        assert!(!config.contains("secret of"));
    }
    let ids: Vec<&str> = list
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    let begun = Instant::now();
    place.ok(&[&["stop"], &ids[..]].concat());
    // sleep as pid 1 does not hear SIGTERM: eight times its time would be 16 seconds.
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(fs::read_dir(place.dir.join("state")).unwrap().count(), 0);
}

#[test]
fn a_container_that_cannot_be_made_says_why_and_leaves_nothing() {
    let mut place = Place::new();
    let id = place.bundle(&["/no/such/command"], |_| {});
    let output = place.pavlosc(&[
        "run",
        "--supervise",
        "--bundle",
        place.dir.join(&id).to_str().unwrap(),
        &id,
    ]);
    assert_eq!(output.status.code(), Some(127));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("/no/such/command"), "{error}");
    assert_eq!(fs::read_dir(place.dir.join("state")).unwrap().count(), 0);
}

#[test]
fn a_spammer_fills_neither_memory_nor_disk() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "yes"], |_| {});
    place.supervise(&id);
    let rotated = place.dir.join(&id).join("logs/output.log.2");
    wait_for("third log file", || rotated.exists());
    let supervisor = place.record(&id)["supervisor"]["pid"].as_u64().unwrap();
    let status = fs::read_to_string(format!("/proc/{supervisor}/status")).unwrap();
    let anonymous = status
        .lines()
        .find(|line| line.starts_with("RssAnon"))
        .unwrap();
    let kib: u64 = anonymous
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(kib < 2048, "{anonymous}");
    // Between two of the renames one file may be missing.
    place.ok(&["stop", &id]);
    let logs = fs::read_dir(place.dir.join(&id).join("logs")).unwrap();
    let sizes: Vec<u64> = logs
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert!(
        sizes.len() == 3 && sizes.iter().all(|size| *size <= 1 << 20),
        "{sizes:?}"
    );
}

#[test]
fn new_settings_count_after_a_hangup() {
    let mut place = Place::new();
    let id = place.bundle(
        &[
            "sh",
            "-c",
            "trap 'echo int; exit 0' INT; echo ready; while :; do sleep 0.05; done",
        ],
        |_| {},
    );
    place.supervise(&id);
    lines_when(&place, &id, 1);
    let path = place.dir.join(&id).join("supervise.json");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("SIGTERM", "SIGINT");
    fs::write(&path, text).unwrap();
    let supervisor = place.record(&id)["supervisor"]["pid"].as_u64().unwrap();
    std::process::Command::new("kill")
        .arg("-HUP")
        .arg(supervisor.to_string())
        .status()
        .unwrap();
    place.ok(&["stop", &id]);
    assert_eq!(place.log(&id), ["stdout F ready", "stdout F int"]);
}

#[test]
fn processes_outside_a_pid_namespace_die_with_the_container() {
    let mut place = Place::new();
    let id = place.bundle(
        &["sh", "-c", "setsid sleep 4321 & echo $!; exit 0"],
        |config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| namespace["type"] != "pid");
        },
    );
    place.supervise(&id);
    assert_eq!(place.status(&id)["exitCode"], json!(0));
    let pid: u64 = place.log(&id)[0]
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(!is_alive(pid));
}

/// CVE-2019-5736: what a container sees as /proc/1/exe is not the host's file.
#[test]
fn nobody_can_write_to_the_program_of_a_waiting_init() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", TICK], |config| {
        config["annotations"] = json!({"io.pavlos.init": "true"});
    });
    place.supervise(&id);
    let pid = place.record(&id)["pid"].as_u64().unwrap();
    let file = fs::File::open(format!("/proc/{pid}/exe")).unwrap();
    let flags = rustix::fs::fstatvfs(&file).unwrap().f_flag;
    assert!(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    place.ok(&["stop", &id]);
}

#[test]
fn a_command_that_ends_at_once_is_not_missed() {
    let mut place = Place::new();
    for _ in 0..20 {
        let id = place.bundle(&["true"], |_| {});
        place.supervise(&id);
        assert_eq!(place.status(&id)["exitCode"], json!(0));
    }
}
