//! argv -> command -> exit code.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that `args` (with the program's name first) names.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let _ = args;
    ExitCode::FAILURE
}
