//! Copies of programs that are executed.

use std::path::Path;
use std::process::Command;

/// By another process: this one's other tests fork, and a child that still has the copy open for
/// writing makes its execution fail (ETXTBSY).
pub fn copy(from: impl AsRef<Path>, to: &Path) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(to).status();
    assert!(copied.unwrap().success(), "copy to {}", to.display());
}
