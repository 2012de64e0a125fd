//! `pavlosc ps`: the processes of a container, by their pids outside.

use std::fs;

use lexopt::prelude::*;
use rustix::process::Pid;

use super::list::wants_json;
use crate::cli::{Globals, missing_id, usage};
use crate::error::{Error, Result};
use crate::state::State;

/// A table, or with `--format json` a list of pids. A stopped container has none.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut json, mut id) = (false, None);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("format") | Short('f') => json = wants_json(&mut args)?,
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let state = State::load(&globals.root, &id.ok_or_else(missing_id)?)?;
    let pids = processes(&state)?;
    if json {
        let numbers: Vec<i32> = pids.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        let text = serde_json::to_string(&numbers)
            .map_err(|error| Error::new("print processes", "", error.to_string()))?;
        println!("{text}");
    } else {
        table(&pids);
    }
    Ok(0)
}

/// Those in the container's cgroup; without one, those in its pid namespace.
fn processes(state: &State) -> Result<Vec<Pid>> {
    if !state.cgroup.is_empty() {
        return state.cgroups().pids();
    }
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let init = namespace(&state.pid.to_string());
    if !state.init().is_alive() {
        return Ok(Vec::new());
    }
    if init.is_none() || init == namespace("self") {
        return Err(Error::new(
            "list processes",
            state.id.as_str(),
            "the container has neither a cgroup nor a pid namespace of its own",
        )
        .hint(format!("its first process is {}", state.pid)));
    }
    let entries = fs::read_dir("/proc").map_err(|error| {
        Error::new("list processes", "/proc", error.to_string()).hint("is procfs mounted there?")
    })?;
    let mut pids: Vec<Pid> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| namespace(name) == init)
        .filter_map(|name| Pid::from_raw(name.parse().ok()?))
        .collect();
    pids.sort_unstable_by_key(|pid| pid.as_raw_nonzero());
    Ok(pids)
}

fn table(pids: &[Pid]) {
    println!("{:>8} COMMAND", "PID");
    for pid in pids.iter().map(|pid| pid.as_raw_nonzero()) {
        // It may have ended meanwhile.
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        println!("{pid:>8} {}", printable(&line));
    }
}

/// Arguments with spaces between; the container chose them, so nothing reaches the terminal raw.
fn printable(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches('\0')
        .chars()
        .map(|c| match c {
            '\0' => ' ',
            c if c.is_control() => '?',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_calls_itself_cannot_drive_the_terminal() {
        assert_eq!(printable(b"sh\0-c\0\x1b]0;x\x07\0"), "sh -c ?]0;x?");
    }
}
