//! Damaged archives: no panic, no success that should not be, and nothing outside of the
//! destination changes. Seeded, so that a failure can be seen again.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::owner::{Owner, Squash};
use super::{Content, Expected, Marker, Options, unpack};

#[path = "../../tests/unpack/builder.rs"]
#[allow(dead_code)]
mod builder;

use builder::{Header, Tar};

/// How long, and which archives; new ones in the long form.
fn limits() -> (Duration, std::ops::Range<u64>) {
    let Some(time) = crate::fuzz::long() else {
        return (Duration::from_secs(3), 0..4000);
    };
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
    (time, u64::try_from(now).unwrap() << 20..u64::MAX)
}

#[test]
fn mutated_archives_neither_panic_nor_reach_outside() {
    let base = std::env::temp_dir().join(format!("pavlosc-fuzz-{}", std::process::id()));
    fs::create_dir_all(base.join("outside")).unwrap();
    fs::write(base.join("outside/secret"), "secret").unwrap();
    let start = Instant::now();
    let mut unpacked = 0;
    let (time, seeds) = limits();
    let mut rounds = 0_u64;
    for seed in seeds {
        rounds += 1;
        if start.elapsed() > time {
            break;
        }
        let archive = mutated(seed);
        let content = match seed % 2 {
            0 => Content::Archive,
            _ => Content::Layer(Marker::Auto),
        };
        let result = catch_unwind(AssertUnwindSafe(|| attempt(&base, &archive, content)));
        assert!(result.is_ok(), "seed {seed} panics");
        unpacked += u32::from(result.unwrap_or(false));
        assert_eq!(
            names(&base),
            ["outside", "tree"],
            "seed {seed} writes beside the tree"
        );
        assert_eq!(
            names(&base.join("outside")),
            ["secret"],
            "seed {seed} writes outside"
        );
        assert_eq!(
            fs::read(base.join("outside/secret")).unwrap(),
            b"secret",
            "seed {seed} writes outside"
        );
    }
    fs::remove_dir_all(&base).unwrap();
    eprintln!("{rounds} archives, {unpacked} of them good");
    assert!(
        unpacked > 0,
        "not one archive was good: the mutations test nothing"
    );
}

/// Unpacks into a new tree; true when that worked.
fn attempt(base: &Path, archive: &[u8], content: Content) -> bool {
    let tree = base.join("tree");
    let parent: OwnedFd = File::open(base).unwrap().into();
    let left = crate::remove::remove(std::os::fd::AsFd::as_fd(&parent), b"tree");
    assert_eq!(left, []);
    fs::create_dir(&tree).unwrap();
    let mut file = memory();
    file.write_all(archive).unwrap();
    file.rewind().unwrap();
    let options = Options {
        owner: Owner::new(None, Squash::No),
        max_bytes: Some(64 << 20),
        progress: false,
        sync: false,
        content,
        expected: Expected::default(),
        list: Some(memory()),
    };
    unpack(file, File::open(&tree).unwrap().into(), options).is_ok()
}

fn memory() -> File {
    rustix::fs::memfd_create("archive", rustix::fs::MemfdFlags::CLOEXEC)
        .unwrap()
        .into()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// An archive of every kind of entry, attacks among them, with a few changes.
fn mutated(seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let names = [
        "a",
        "a/b",
        "a/b/c",
        "link",
        "link/x",
        "../outside/secret",
        "hard",
        ".",
        "/",
        "a/..",
        "x\n",
        ".wh.a",
        "a/.wh.b",
        "a/.wh..wh..opq",
        ".wh..wh..opq",
        ".wh.",
        ".wh...",
        "a/.wh..wh.plnk/1",
        "link/.wh.x",
    ];
    let mut tar = Tar::new();
    for _ in 0..random.below(12) {
        let name = random.pick(&names);
        let target = random.pick(&[
            "../outside",
            "../outside/secret",
            "a",
            "a/b",
            "/",
            "link",
            ".",
        ]);
        tar = match random.below(9) {
            0 | 1 => tar.file(name, "evil"),
            2 => tar.dir(name),
            3 => tar.symlink(name, target),
            4 => tar.hardlink(name, target),
            5 => tar.long(b'L', name.as_bytes()),
            6 => tar.pax(
                b'x',
                &[
                    ("path", name.as_bytes()),
                    ("size", b"4"),
                    ("mtime", b"-1.5"),
                ],
            ),
            7 => tar.pax(
                b'x',
                &[
                    ("GNU.sparse.map", b"0,2,600,2"),
                    ("GNU.sparse.size", b"9000"),
                ],
            ),
            _ => tar.raw(
                &Header::new(b"3467gS"[random.below(6)], name)
                    .mode(0)
                    .device(0, 0),
                b"",
            ),
        };
    }
    let mut bytes = tar.end();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        bytes[at] = random.next() as u8;
        seal(&mut bytes, at);
    }
    if random.below(8) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes
}

/// Makes the checksum right again, so that the change gets further than that.
fn seal(bytes: &mut [u8], at: usize) {
    let start = at / 512 * 512;
    let Some(block) = bytes.get_mut(start..start + 512) else {
        return;
    };
    if block.iter().all(|byte| *byte == 0) {
        return;
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}
