//! Many containers, one after another and at once: nothing is left of them, and the last takes no more
//! than the first. 50 and 20; with PAVLOS_LONG 1,000 and 200.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Place, wait_for};

fn count(short: usize, long: usize) -> usize {
    if std::env::var_os("PAVLOS_LONG").is_some() {
        long
    } else {
        short
    }
}

/// What the kernel and the disk hold of this test's containers.
fn traces(place: &Place, ids: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let state = place.dir.join("state");
    found.extend(
        fs::read_dir(&state)
            .unwrap()
            .flatten()
            .map(|entry| entry.path().display().to_string()),
    );
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = place.dir.display().to_string();
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&own))
            .map(str::to_owned),
    );
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    for directory in hierarchies
        .map(|entry| entry.path().join("pavlosc-test"))
        .chain([PathBuf::from("/sys/fs/cgroup/pavlosc-test")])
    {
        for id in ids {
            let path = directory.join(id);
            found.extend(path.exists().then(|| path.display().to_string()));
        }
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        found.extend(
            ids.iter()
                .any(|id| line.split('\0').any(|part| part == id))
                .then_some(line),
        );
    }
    found
}

#[test]
fn a_thousand_one_after_another_leave_nothing() {
    let mut place = Place::new();
    let rounds = count(50, 1000);
    let id = place.bundle(&["true"], |_| {});
    let bundle = place.dir.join(&id);
    let args = ["run", "--bundle", bundle.to_str().unwrap(), &id];
    // Processor time of the children, which other work on the machine does not lengthen.
    let mut spent = Vec::with_capacity(rounds);
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (before, began) = (ticks(), Instant::now());
        place.ok(&args);
        spent.push(ticks() - before);
        taken.push(began.elapsed());
    }
    assert_eq!(traces(&place, std::slice::from_ref(&id)), BTreeSet::new());
    let fifth = rounds / 5;
    let sum = |part: &[u64]| part.iter().sum::<u64>();
    let (first, last) = (sum(&spent[..fifth]), sum(&spent[rounds - fifth..]));
    eprintln!("{rounds} containers: {first} ticks for the first fifth, {last} for the last");
    // A clock tick is as long as a container; only growth by a multiple means something.
    assert!(
        last <= 3 * first + 20,
        "the first fifth took {first} ticks, the last {last}"
    );
    let quarter = rounds / 4;
    let (first, last) = (
        median(&taken[..quarter]),
        median(&taken[rounds - quarter..]),
    );
    eprintln!("median of a container: {first:?} in the first quarter, {last:?} in the last");
    // Fifty are too few to tell growth from what else the machine does.
    if std::env::var_os("PAVLOS_LONG").is_some() {
        assert!(
            last < 3 * first,
            "the median grew from {first:?} to {last:?}"
        );
    }
}

/// Starts, commands and stops over and over: what the supervisor has open does not grow.
#[test]
fn a_supervisor_keeps_no_descriptor_of_what_is_over() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |_| {});
    let supervise = place.dir.join(&id).join("supervise.json");
    let mut document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&supervise).unwrap()).unwrap();
    document["restart"] = json!({"policy": "always", "max": null, "backoff": 1});
    document["health"] = json!({
        "check": {"kind": "command", "args": ["true"]},
        "interval": 100, "timeout": 5000, "retries": 1000, "startPeriod": 60000,
    });
    fs::write(&supervise, document.to_string()).unwrap();
    place.supervise(&id);
    let supervisor = place.record(&id)["supervisor"]["pid"].as_u64().unwrap();
    let open = || {
        let all = fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap();
        all.flatten().count()
    };
    // A restart in between: it is up again when its record has another pid and is started.
    let restart = || {
        let old = place.record(&id)["pid"].as_u64().unwrap();
        place.pavlosc(&["kill", &id, "KILL"]);
        wait_for("the next start", || {
            let path = place.dir.join("state").join(&id).join("state.json");
            let now: serde_json::Value = fs::read_to_string(path)
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default();
            now["pid"].as_u64().is_some_and(|pid| pid != old) && now["started"] == true
        });
        for _ in 0..3 {
            place.pavlosc(&["exec", &id, "true"]);
        }
    };
    restart();
    // A health check that is just running has a few more open.
    let least = |times: usize| {
        let counts = (0..times).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(7));
            open()
        });
        counts.min().unwrap()
    };
    let before = least(20);
    // Each restart in a row waits twice as long as the one before.
    for _ in 0..count(5, 9) {
        restart();
    }
    let after = least(40);
    assert!(after <= before, "{before} descriptors, then {after}");
}

fn median(list: &[Duration]) -> Duration {
    let mut list = list.to_vec();
    list.sort_unstable();
    list[list.len() / 2]
}

#[test]
fn two_hundred_at_once_leave_nothing() {
    let mut place = Place::new();
    let many = count(20, 200);
    let ids: Vec<String> = (0..many)
        .map(|_| place.bundle(&["sleep", "1000"], |_| {}))
        .collect();
    let list: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "bundle": place.dir.join(id)}))
        .collect();
    let file = place.dir.join("batch.json");
    fs::write(&file, json!(list).to_string()).unwrap();
    let answers = place.ok(&["run", "--supervise", "--batch", file.to_str().unwrap()]);
    assert_eq!(
        answers
            .lines()
            .filter(|line| line.contains("\"pid\""))
            .count(),
        many,
        "{answers}"
    );
    let listed = place.ok(&["list", "--quiet"]);
    assert_eq!(listed.lines().count(), many);
    let mut stop = vec!["stop"];
    stop.extend(ids.iter().map(String::as_str));
    place.ok(&stop);
    wait_for("end of all supervisors", || traces(&place, &ids).is_empty());
}

/// Clock ticks that ended children of this process have used: fields 16 and 17 of its stat.
fn ticks() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}
