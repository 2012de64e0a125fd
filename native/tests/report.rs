//! A caller that was killed in the middle of a batch.

use std::process::{Command, Stdio};

#[test]
fn goes_on_for_all_containers_when_nobody_reads_the_answers() {
    let root = std::env::temp_dir().join(format!("pavlosc-report-{}", std::process::id()));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = Command::new(env!("CARGO_BIN_EXE_pavlosc"))
        .args(["--root", &root.display().to_string()])
        .args(["stop", "one", "two"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("pavlosc runs");
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert_eq!((child.status.code(), said.as_str()), (Some(0), ""));
}
