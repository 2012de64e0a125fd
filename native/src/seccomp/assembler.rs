//! Writing a BPF program backwards, so that every jump's target is known when the jump is written.

use libc::{BPF_JA, BPF_JMP, BPF_K, BPF_RET, sock_filter};

/// An instruction: its distance from the program's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// Both ways of a conditional jump.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    pub yes: Label,
    pub no: Label,
}

/// A conditional jump reaches at most this far; an unconditional one anywhere.
const REACH: usize = 255;

#[derive(Debug, Default)]
pub struct Assembler {
    /// Last instruction first.
    reversed: Vec<sock_filter>,
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    /// The program in its own order.
    pub fn finish(mut self) -> Vec<sock_filter> {
        self.reversed.reverse();
        self.reversed
    }

    /// Ends with a verdict. An instruction that does so is shared as far as jumps reach.
    pub fn finish_with(&mut self, verdict: u32) -> Label {
        let known = self
            .returns
            .iter()
            .rev()
            .find(|(known, _)| *known == verdict);
        if let Some((_, label)) = known
            && self.reversed.len() - label.0 < REACH / 2
        {
            return *label;
        }
        let label = self.push(BPF_RET | BPF_K, verdict);
        self.returns.push((verdict, label));
        label
    }

    /// An instruction that goes on with `next`.
    pub fn then(&mut self, code: u32, k: u32, next: Label) -> Label {
        if next.0 + 1 != self.reversed.len() {
            self.go(next);
        }
        self.push(code, k)
    }

    /// A conditional jump: `code` is BPF_JEQ, BPF_JGT or BPF_JGE.
    pub fn branch(&mut self, code: u32, k: u32, ways: Ways) -> Label {
        let (yes, no) = (self.near(ways.yes), self.near(ways.no));
        let [jt, jf] =
            [yes, no].map(|way| u8::try_from(self.reversed.len() - 1 - way.0).unwrap_or(u8::MAX));
        let label = self.push(BPF_JMP | code | BPF_K, k);
        if let Some(instruction) = self.reversed.last_mut() {
            (instruction.jt, instruction.jf) = (jt, jf);
        }
        label
    }

    /// The label itself, or a stepping stone to it. Leaves room for the other way's stone.
    fn near(&mut self, label: Label) -> Label {
        let distance = self.reversed.len() - 1 - label.0;
        if distance < REACH {
            label
        } else {
            self.go(label)
        }
    }

    /// Goes to `label` from anywhere: a jump, or a copy of what only ends.
    fn go(&mut self, label: Label) -> Label {
        let target = self.reversed[label.0];
        if u32::from(target.code) == BPF_RET | BPF_K {
            return self.push(BPF_RET | BPF_K, target.k);
        }
        let distance = self.reversed.len() - 1 - label.0;
        self.push(
            BPF_JMP | BPF_JA,
            u32::try_from(distance).unwrap_or(u32::MAX),
        )
    }

    fn push(&mut self, code: u32, k: u32) -> Label {
        #[expect(clippy::cast_possible_truncation, reason = "BPF codes have 16 bits")]
        self.reversed.push(sock_filter {
            code: code as u16,
            jt: 0,
            jf: 0,
            k,
        });
        Label(self.reversed.len() - 1)
    }
}
