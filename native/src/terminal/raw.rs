//! The caller's terminal while a terminal inside is relayed to it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::{Context, Result};

/// A terminal in raw mode; dropping it gives its old mode back.
pub struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Makes `terminal` raw: every key goes through as it is.
    pub fn enter(terminal: OwnedFd) -> Result<Self> {
        let before = tcgetattr(&terminal).at("read terminal mode", "")?;
        let raw = Self { terminal, before };
        raw.again()?;
        Ok(raw)
    }

    /// Raw mode once more, after something else changed it (a stopped and continued job).
    pub fn again(&self) -> Result<()> {
        let mut mode = self.before.clone();
        mode.make_raw();
        tcsetattr(&self.terminal, OptionalActions::Drain, &mode).at("set terminal mode", "")
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone has no mode to give back.
        let _ = tcsetattr(self.terminal.as_fd(), OptionalActions::Drain, &self.before);
    }
}
