//! Verbs that look at containers or at nothing: ps, features, spec.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Place, wait_for};

#[test]
fn ps_lists_the_processes_of_a_container_and_no_other() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", "sleep 1000 & sleep 1000"], |_| {});
        place.supervise(&id);
        let pids = || -> Vec<u64> {
            serde_json::from_str(&place.ok(&["ps", "--format", "json", &id])).unwrap()
        };
        let sleepers = || place.ok(&["ps", &id]).matches(" sleep 1000\n").count();
        wait_for("two sleepers", || sleepers() == 2);
        assert_eq!(pids().len(), 2);
        let init = place.state(&id)["pid"].as_u64().unwrap();
        assert!(pids().contains(&init));
    }
}

#[test]
fn ps_of_an_ended_container_is_empty() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |_| {});
    place.supervise(&id);
    place.status(&id);
    assert_eq!(place.ok(&["ps", "--format", "json", &id]), "[]\n");
}

#[test]
fn ps_without_a_cgroup_goes_by_the_pid_namespace() {
    let mut place = Place::rootless();
    let id = place.bundle(&["sleep", "1000"], |_| {});
    place.supervise(&id);
    let mut record = place.record(&id);
    record["cgroup"] = json!({});
    let path = place.dir.join("state").join(&id).join("state.json");
    let kept = fs::read(&path).unwrap();
    fs::write(&path, record.to_string()).unwrap();
    let expected = format!("[{}]\n", record["pid"]);
    assert_eq!(place.ok(&["ps", "--format", "json", &id]), expected);
    fs::write(&path, kept).unwrap();
}

#[test]
fn features_names_the_version_and_what_is_supported() {
    let features: Value = serde_json::from_str(&Place::new().ok(&["features"])).unwrap();
    assert_eq!(features["ociVersionMax"], json!("1.3.0"));
    assert_eq!(features["linux"]["seccomp"]["enabled"], json!(true));
    assert_eq!(
        features["linux"]["mountExtensions"]["idmap"]["enabled"],
        json!(false)
    );
}

#[test]
fn the_example_of_spec_runs() {
    for (place, options) in [
        (Place::new(), &["spec"][..]),
        (Place::rootless(), &["spec", "--rootless"]),
    ] {
        let id = format!("spec-{}-{}", std::process::id(), place.uid);
        let written = place.command(options).current_dir(&place.dir).output();
        assert!(written.unwrap().status.success());
        let path = place.dir.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["root"]["path"] = json!("root");
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["sh", "-c", "id -u; hostname; ls /sys/class | wc -l"]);
        fs::write(&path, config.to_string()).unwrap();
        let output = place.ok(&["run", "--bundle", place.dir.to_str().unwrap(), &id]);
        assert!(output.starts_with("0\npavlosc\n"), "{output}");
    }
}

#[test]
fn spec_replaces_no_file() {
    let place = Place::new();
    let path = place.dir.join("config.json");
    fs::write(&path, "mine").unwrap();
    let output = place
        .command(&["spec"])
        .current_dir(&place.dir)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("config.json: it exists already (remove it first"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
