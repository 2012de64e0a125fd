//! Mutations of good documents: config.json, passwd and group files, seccomp profiles. Whatever
//! comes of them, nothing panics, and what must hold of a result holds. Seeded, so that a failure can
//! be seen again; a second each, with PAVLOS_LONG=1 new ones for PAVLOS_FUZZ_MINUTES (10) each. What a
//! run finds becomes a file of native/corpus, which is where they begin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::launch::{plan_of, seccomp_of};
use crate::spec::{Config, parse_json, validate_config};
use crate::user;

#[test]
fn configurations() {
    let found = fuzz("config", |text| {
        let Ok(config) = parse_json::<Config>(text, "fuzz").and_then(validate_config) else {
            return false;
        };
        // A plan is pure: it may refuse, not fail.
        plan_of(&config).is_ok_and(|operations| operations > 0)
    });
    assert!(
        found > 0,
        "no mutation was a good configuration: nothing is tested"
    );
}

#[test]
fn accounts() {
    let specs = [
        "root",
        "paul",
        "1000",
        "1:20",
        "paul:video",
        "0",
        "4294967294",
        "-1",
        "+0",
        "x:y:z",
    ];
    fuzz("account", |text| {
        let (passwd, group) = text.split_at(text.len() / 2);
        let mut good = false;
        for spec in specs {
            let Ok(user) = user::lookup(passwd, group, spec) else {
                continue;
            };
            good = true;
            // A number stays what it is, whatever the file says.
            if let Ok(number) = spec.split(':').next().unwrap_or_default().parse::<u32>() {
                assert_eq!(user.uid, number, "{spec} became {}", user.uid);
            }
            assert!(
                user.uid != u32::MAX && user.gid != u32::MAX,
                "{spec}: an id of -1"
            );
            assert!(user.home.is_none_or(|home| home.is_absolute()));
        }
        good
    });
}

#[test]
fn filters() {
    let found = fuzz("seccomp", |text| {
        let Ok(profile) = parse_json(text, "fuzz") else {
            return false;
        };
        // The kernel takes 4096 instructions, which must begin and end well.
        seccomp_of(&profile).is_ok_and(|length| length > 0)
    });
    assert!(
        found > 0,
        "no mutation was a good profile: nothing is tested"
    );
}

/// Runs mutations of the corpus `name` through `attempt`; how many were good.
fn fuzz(name: &str, attempt: impl Fn(&[u8]) -> bool) -> u64 {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "there is no corpus of {name}");
    let end = Instant::now() + long().unwrap_or(Duration::from_secs(1));
    let (mut random, mut good, mut round) = (Random(first_seed()), 0, 0u64);
    while Instant::now() < end || round < 200 {
        let seed = &corpus[random.below(corpus.len())];
        let mut text = seed.clone();
        for _ in 0..=random.below(4) {
            mutate(&mut text, &mut random, &corpus);
        }
        let result = catch_unwind(AssertUnwindSafe(|| attempt(&text)));
        let Ok(worked) = result else {
            let path = std::env::temp_dir().join(format!("pavlosc-fuzz-{name}-{round}"));
            std::fs::write(&path, &text).unwrap();
            panic!(
                "{name}: round {round} fails; the input is {}",
                path.display()
            );
        };
        good += u64::from(worked);
        round += 1;
    }
    eprintln!("{name}: {round} inputs, {good} of them good");
    good
}

/// How long with PAVLOS_LONG=1; none: the short form.
pub fn long() -> Option<Duration> {
    if std::env::var_os("PAVLOS_LONG").is_none_or(|value| value != "1") {
        return None;
    }
    let minutes = std::env::var("PAVLOS_FUZZ_MINUTES").ok();
    let minutes = minutes.and_then(|text| text.parse().ok()).unwrap_or(10);
    Some(Duration::from_secs(60 * minutes))
}

/// The same each time in the short form; in the long one another each time: its inputs are kept when
/// they fail.
fn first_seed() -> u64 {
    if long().is_none() {
        return 0x9e37_79b9_7f4a_7c15;
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    (now.tv_sec.cast_unsigned() << 30) | now.tv_nsec.cast_unsigned()
}

/// native/corpus/NAME; for configurations also what both sides of the contract test.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = list(&root.join("corpus").join(name));
    if name == "config" {
        files.extend(list(&root.join("../schema/corpus/valid")));
    }
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn mutate(text: &mut Vec<u8>, random: &mut Random, corpus: &[Vec<u8>]) {
    const BITS: [&[u8]; 14] = [
        b"\"",
        b"{}",
        b"[]",
        b"null",
        b"-1",
        b"4294967295",
        b"18446744073709551616",
        b":",
        b"\n",
        b"\\u0000",
        b"../..",
        b"1e400",
        b"\xff",
        b",",
    ];
    let at = random.below(text.len() + 1);
    let length = random.below(12).min(text.len() - at);
    match random.below(6) {
        0 if at < text.len() => text[at] ^= 1 << random.below(8),
        1 => drop(text.drain(at..at + length)),
        2 => {
            let piece = text[at..at + length].to_vec();
            text.splice(at..at, piece);
        }
        3 => drop(text.splice(
            at..at + length,
            BITS[random.below(BITS.len())].iter().copied(),
        )),
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            let to = (from + random.below(64)).min(other.len());
            text.splice(at..at + length, other[from..to].iter().copied());
        }
        _ => number(text, random),
    }
}

/// Replaces a digit by another: what stays valid and means something else.
fn number(text: &mut [u8], random: &mut Random) {
    let digits: Vec<usize> = (0..text.len())
        .filter(|at| text[*at].is_ascii_digit())
        .collect();
    if !digits.is_empty() {
        text[digits[random.below(digits.len())]] = b"0123456789-"[random.below(11)];
    }
}

/// xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}
