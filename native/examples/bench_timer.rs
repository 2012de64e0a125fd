//! Runs commands in turn (A B C C B A ...) and prints how long each took: bench/ uses it because a
//! start of Node between two runs is dearer than what is measured.
//!
//! Standard input: `{"rounds": 20, "warmup": 2, "commands": [{"name", "argv": [...], "after": [...]?}]}`;
//! `{}` in an argument becomes a number of its own for each run; `after` is run untimed after each.
//! Standard output: `{name: {"wall": [ns], "first": [ns], "rss": [KiB], "failed": n, "error": text}}`.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used)]

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(Deserialize)]
struct Input {
    rounds: usize,
    warmup: usize,
    commands: Vec<Timed>,
}

#[derive(Deserialize)]
struct Timed {
    name: String,
    argv: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
}

#[derive(Default, serde::Serialize)]
struct Figures {
    wall: Vec<u128>,
    first: Vec<i128>,
    rss: Vec<i64>,
    failed: usize,
    error: String,
}

fn main() {
    let input: Input = serde_json::from_reader(std::io::stdin()).expect("a JSON list of commands");
    let mut figures: BTreeMap<String, Figures> = BTreeMap::new();
    for round in 0..input.warmup + input.rounds {
        let mut commands: Vec<&Timed> = input.commands.iter().collect();
        // What the one before leaves behind is not always the same one's burden.
        if round % 2 == 1 {
            commands.reverse();
        }
        for command in commands {
            let entry = figures.entry(command.name.clone()).or_default();
            run(command, round, (round >= input.warmup).then_some(entry));
        }
    }
    println!(
        "{}",
        serde_json::to_string(&figures).expect("figures are plain numbers")
    );
}

#[allow(
    clippy::zombie_processes,
    reason = "wait4 reaps the child, and tells what it used"
)]
fn run(timed: &Timed, round: usize, figures: Option<&mut Figures>) {
    let argv: Vec<String> = timed
        .argv
        .iter()
        .map(|a| a.replace("{}", &round.to_string()))
        .collect();
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let begin = i128::from(clock.tv_sec) * 1_000_000_000 + i128::from(clock.tv_nsec);
    let start = Instant::now();
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", argv[0]));
    let mut printed = String::new();
    let mut complaint = String::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut printed)
        .ok();
    // SAFETY: rusage is numbers only, and zero is one of them.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    // SAFETY: wait4 writes to the two locals; the child is ours and not yet reaped.
    unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    let wall = start.elapsed().as_nanos();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut complaint)
        .ok();
    after(timed, round);
    let Some(figures) = figures else { return };
    if status != 0 {
        figures.failed += 1;
        figures.error = complaint;
        return;
    }
    figures.wall.push(wall);
    figures.rss.push(usage.ru_maxrss);
    if let Ok(first) = printed.trim().parse::<i128>() {
        figures.first.push(first - begin);
    }
}

fn after(timed: &Timed, round: usize) {
    let Some(program) = timed.after.first() else {
        return;
    };
    let argv: Vec<String> = timed.after[1..]
        .iter()
        .map(|a| a.replace("{}", &round.to_string()))
        .collect();
    let _ = Command::new(program)
        .args(argv)
        .stdin(Stdio::null())
        .output();
}
