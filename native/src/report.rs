//! What verbs that serve many containers say on standard output: a JSON line for each.

use std::io::Write;

use serde::Serialize;

/// Prints one line. A reader that is gone (a killed pavlos) is no reason to leave the rest half
/// made: the caller's lock, which this process shares, must be held until all of it is done.
pub fn line(value: &impl Serialize) {
    let text = serde_json::to_string(value).unwrap_or_default();
    let _ = writeln!(std::io::stdout(), "{text}");
}
