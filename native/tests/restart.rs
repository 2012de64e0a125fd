//! Restarts, health and reasons: what a supervisor does beyond keeping the output.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Place, is_alive, wait_for};

/// Changes supervise.json of a bundle, before its start or with a hangup after it.
fn settings(place: &Place, id: &str, change: impl FnOnce(&mut Value)) {
    let path = place.dir.join(id).join("supervise.json");
    let mut document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    document["events"] =
        json!({"path": place.dir.join(id).join("logs/events.jsonl"), "environment": "web"});
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

fn status_path(place: &Place, id: &str) -> PathBuf {
    place.dir.join(id).join("status.json")
}

fn read_status(place: &Place, id: &str) -> Value {
    fs::read(status_path(place, id))
        .map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap())
}

/// status.json, once it is as `done` wants.
fn status_when(place: &Place, id: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, || done(&read_status(place, id)));
    read_status(place, id)
}

fn kinds(place: &Place, id: &str) -> Vec<String> {
    let text = fs::read_to_string(place.dir.join(id).join("logs/events.jsonl")).unwrap();
    let kind = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["environment"], "web");
        assert_eq!(event["container"], id);
        event["kind"].as_str().unwrap().to_owned()
    };
    text.lines().map(kind).collect()
}

fn supervisor(place: &Place, id: &str) -> u64 {
    place.record(id)["supervisor"]["pid"].as_u64().unwrap()
}

fn hang_up(place: &Place, id: &str) {
    let pid = supervisor(place, id).to_string();
    let kill = std::process::Command::new("kill")
        .args(["-HUP", &pid])
        .status();
    assert!(kill.unwrap().success());
}

fn health(check: Value) -> Value {
    json!({"check": check, "interval": 100, "timeout": 2000, "retries": 2, "startPeriod": 20000})
}

fn is_health(wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |status| status["health"]["status"] == wanted
}

#[test]
fn one_that_fails_is_started_again_until_it_is_given_up() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", "echo $FROM; exit 3"], |_| {});
        settings(&place, &id, |document| {
            document["restart"] = json!({"policy": "on-failure", "max": 2, "backoff": 1});
        });
        place.supervise(&id);
        let status = status_when(&place, &id, "end", |status| status["state"] == "gave-up");
        assert_eq!(
            (&status["exitCode"], &status["restarts"]),
            (&json!(3), &json!(2))
        );
        assert_eq!(place.log(&id), ["stdout F config"; 3]);
        let expected = [
            "started",
            "exited",
            "restarted",
            "exited",
            "restarted",
            "exited",
            "gave-up",
        ];
        assert_eq!(kinds(&place, &id), expected);
        assert_eq!(place.state(&id)["status"], "stopped");
        wait_for("end of the supervisor", || {
            !is_alive(supervisor(&place, &id))
        });
        place.ok(&["stop", &id]);
        assert_eq!(fs::read_dir(place.dir.join("state")).unwrap().count(), 0);
    }
}

#[test]
fn success_is_an_end_unless_it_is_to_run_always() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |_| {});
    settings(&place, &id, |document| {
        document["restart"] = json!({"policy": "on-failure", "max": null, "backoff": 1});
    });
    place.supervise(&id);
    let status = status_when(&place, &id, "end", |status| status["state"] == "ended");
    assert_eq!(status["restarts"], 0);
    let id = place.bundle(&["true"], |_| {});
    settings(&place, &id, |document| {
        document["restart"] = json!({"policy": "always", "max": null, "backoff": 1});
    });
    place.supervise(&id);
    status_when(&place, &id, "restarts", |status| {
        status["restarts"].as_u64() >= Some(3)
    });
    place.ok(&["stop", &id]);
    assert_eq!(kinds(&place, &id).last().unwrap(), "stopped");
}

#[test]
fn one_that_waits_for_its_next_start_can_be_stopped_and_told_otherwise() {
    let mut place = Place::new();
    let id = place.bundle(&["false"], |_| {});
    settings(&place, &id, |document| {
        document["restart"] = json!({"policy": "always", "max": null, "backoff": 60000});
    });
    place.supervise(&id);
    status_when(&place, &id, "wait", |status| status["state"] == "waiting");
    assert!(is_alive(supervisor(&place, &id)));
    place.ok(&["stop", &id]);
    let status = read_status(&place, &id);
    assert_eq!(
        (&status["state"], &status["requested"]),
        (&json!("ended"), &json!(true))
    );
    assert_eq!(fs::read_dir(place.dir.join("state")).unwrap().count(), 0);
}

#[test]
fn a_restarted_one_keeps_its_network_and_its_secrets_and_runs_its_hooks() {
    let mut place = Place::new();
    let id = place.bundle(
        &[
            "sh",
            "-c",
            "readlink /proc/self/ns/net; trap 'exit 1' USR1; while :; do sleep 0.05; done",
        ],
        |_| {},
    );
    settings(&place, &id, |document| {
        document["restart"] = json!({"policy": "always", "max": null, "backoff": 1});
        document["hooks"] = json!({"started": [["sh", "-c", "echo ran > /proc/1/fd/1"]]});
    });
    place.supervise(&id);
    let before = place.record(&id)["pid"].as_u64().unwrap();
    wait_for("output", || place.log(&id).len() == 1);
    place.ok(&["kill", &id, "KILL"]);
    wait_for("hook", || {
        place.log(&id).contains(&"stdout F ran".to_owned())
    });
    wait_for("output", || place.log(&id).len() == 3);
    let log = place.log(&id);
    let networks: Vec<&String> = log.iter().filter(|line| line.contains("net:")).collect();
    assert_eq!(networks[0], networks[1]);
    let after = place.record(&id)["pid"].as_u64().unwrap();
    assert!(before != after && is_alive(after));
    assert_eq!(read_status(&place, &id)["signal"], 9);
    place.ok(&["stop", &id]);
}

#[test]
fn a_command_inside_tells_the_health() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(
            &["sh", "-c", "sleep 0.3; touch /tmp/up; sleep 1000"],
            |_| {},
        );
        let check =
            json!({"kind": "command", "args": ["sh", "-c", "echo looked; test -e /tmp/up"]});
        settings(&place, &id, |document| document["health"] = health(check));
        place.supervise(&id);
        let status = status_when(&place, &id, "health", is_health("healthy"));
        assert_eq!(status["health"]["output"], "looked");
        assert_eq!(status["state"], "running");
        place.ok(&["exec", &id, "rm", "/tmp/up"]);
        let status = status_when(&place, &id, "failure", is_health("unhealthy"));
        assert_eq!(status["health"]["failures"], 2);
        place.ok(&["exec", &id, "touch", "/tmp/up"]);
        status_when(&place, &id, "recovery", is_health("healthy"));
        place.ok(&["stop", &id]);
        let expected = ["started", "healthy", "unhealthy", "healthy", "stopped"];
        assert_eq!(kinds(&place, &id), expected);
    }
}

#[test]
fn http_and_tcp_are_asked_in_the_network_of_the_container() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(
            &["sh", "-c", "mkdir /tmp/www; echo hi > /tmp/www/index.html; exec httpd -f -p 127.0.0.1:8080 -h /tmp/www"],
            // A network of its own starts with its loopback down unless somebody brings it up.
            |_| {},
        );
        let http =
            json!({"kind": "http", "host": "localhost", "port": 8080, "path": "/index.html"});
        settings(&place, &id, |document| document["health"] = health(http));
        place.supervise(&id);
        let status = status_when(&place, &id, "health", is_health("healthy"));
        assert_eq!(
            status["health"]["output"],
            "http://localhost:8080/index.html: HTTP/1.1 200 OK"
        );
        let missing = json!({"kind": "http", "host": "127.0.0.1", "port": 8080, "path": "/none"});
        settings(&place, &id, |document| {
            document["health"] = health(missing);
            document["health"]["startPeriod"] = json!(0);
        });
        hang_up(&place, &id);
        let status = status_when(&place, &id, "new check", is_health("unhealthy"));
        assert!(status["health"]["output"].as_str().unwrap().contains("404"));
        let tcp = json!({"kind": "tcp", "host": "127.0.0.1", "port": 8080});
        settings(&place, &id, |document| document["health"] = health(tcp));
        hang_up(&place, &id);
        status_when(&place, &id, "tcp", is_health("healthy"));
        settings(&place, &id, |document| document["health"] = Value::Null);
        hang_up(&place, &id);
        status_when(&place, &id, "no check", |status| status["health"].is_null());
        place.ok(&["stop", &id]);
    }
}

#[test]
fn a_check_that_hangs_or_does_not_exist_is_a_failure_that_says_so() {
    let mut place = Place::new();
    for (args, expected) in [
        (json!(["sleep", "4321"]), "it took longer than 200 ms"),
        (json!(["/no/such/check"]), "/no/such/check"),
    ] {
        let id = place.bundle(&["sleep", "1000"], |_| {});
        settings(&place, &id, |document| {
            document["health"] = health(json!({"kind": "command", "args": args}));
            document["health"]["timeout"] = json!(200);
            document["health"]["startPeriod"] = json!(0);
        });
        place.supervise(&id);
        let status = status_when(&place, &id, "failure", is_health("unhealthy"));
        let output = status["health"]["output"].as_str().unwrap();
        assert!(output.contains(expected), "{output}");
        place.ok(&["stop", &id]);
    }
    let left = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.starts_with(b"sleep\x004321"))
    });
    assert!(!left, "a check outlives its container");
}

#[test]
fn a_health_check_begins_when_a_held_container_is_started() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |_| {});
    let check = json!({"kind": "command", "args": ["true"]});
    settings(&place, &id, |document| document["health"] = health(check));
    let bundle = place.dir.join(&id);
    place.ok(&[
        "run",
        "--supervise",
        "--hold",
        "--bundle",
        bundle.to_str().unwrap(),
        &id,
    ]);
    assert!(!status_path(&place, &id).exists());
    place.ok(&["start", &id]);
    status_when(&place, &id, "health", is_health("healthy"));
    assert_eq!(kinds(&place, &id), ["started", "healthy"]);
    place.ok(&["stop", &id]);
}

#[test]
fn a_kill_for_want_of_memory_is_told_from_others() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "tail /dev/zero; exit 7"], |config| {
        config["linux"]["resources"] = json!({"memory": {"limit": 16 << 20, "swap": 16 << 20}});
    });
    settings(&place, &id, |_| {});
    place.supervise(&id);
    let status = place.status(&id);
    assert_eq!(
        (&status["oom"], &status["exitCode"]),
        (&json!(true), &json!(7))
    );
    assert_eq!(kinds(&place, &id), ["started", "oom", "exited"]);
    let id = place.bundle(&["sh", "-c", "kill -9 $$"], |_| {});
    place.supervise(&id);
    assert_eq!(place.status(&id)["oom"], false);
}

#[test]
fn a_supervisor_that_checks_and_restarts_stays_small() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "sleep 0.2; exit 1"], |_| {});
    settings(&place, &id, |document| {
        document["restart"] = json!({"policy": "always", "max": null, "backoff": 1});
        document["health"] = health(json!({"kind": "command", "args": ["true"]}));
    });
    place.supervise(&id);
    status_when(&place, &id, "restarts", |status| {
        status["restarts"].as_u64() >= Some(5)
    });
    let pid = supervisor(&place, &id);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
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
    assert!(kib < 1024, "{anonymous}");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert!(open < 20, "{open} descriptors");
    place.ok(&["stop", &id]);
}
