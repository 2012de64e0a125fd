use super::*;
use crate::spec::supervise::MIN_LOG;

const TIME: &str = "2026-11-23T10:00:00.123456789Z";

/// A directory of this test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pavlosc-log-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self, max_files: u32) -> Log {
        Log::open(Logs {
            path: self.0.join("output.log"),
            max_size: MIN_LOG,
            max_files,
        })
        .unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The log of `input`, read in pieces of `step` bytes, without the times.
fn logged(name: &str, input: &[u8], step: usize) -> Vec<(bool, Vec<u8>)> {
    let dir = Dir::new(&format!("{name}-{step}"));
    let mut log = Log::open(Logs {
        path: dir.0.join("output.log"),
        max_size: 1 << 30,
        max_files: 1,
    })
    .unwrap();
    let mut lines = Lines::new("stdout");
    for piece in input.chunks(step) {
        lines.feed(piece, TIME, &mut log);
    }
    lines.finish(TIME, &mut log);
    log.flush();
    let text = dir.read("output.log");
    let prefix = |flag: &str| format!("{TIME} stdout {flag} ").into_bytes();
    text.split_inclusive(|b| *b == b'\n')
        .map(|line| {
            let line = line.strip_suffix(b"\n").unwrap();
            match line.strip_prefix(prefix("F").as_slice()) {
                Some(text) => (true, text.to_vec()),
                None => (
                    false,
                    line.strip_prefix(prefix("P").as_slice()).unwrap().to_vec(),
                ),
            }
        })
        .collect()
}

#[test]
fn lines_are_whole_however_they_are_read() {
    let input = [
        b"one\n\n\xff\0two\r\n".as_slice(),
        &[b'x'; MAX_LINE],
        b"\n",
        &[b'y'; MAX_LINE + 1],
        b"\n",
        &[b'z'; 2 * MAX_LINE + 5],
        b"\nend",
    ]
    .concat();
    let expected = [
        (true, b"one".to_vec()),
        (true, Vec::new()),
        (true, b"\xff\0two\r".to_vec()),
        (true, vec![b'x'; MAX_LINE]),
        (false, vec![b'y'; MAX_LINE]),
        (true, vec![b'y'; 1]),
        (false, vec![b'z'; MAX_LINE]),
        (false, vec![b'z'; MAX_LINE]),
        (true, vec![b'z'; 5]),
        (false, b"end".to_vec()),
    ];
    for step in [
        1,
        2,
        3,
        7,
        4096,
        MAX_LINE - 1,
        MAX_LINE,
        MAX_LINE + 1,
        65536,
        input.len(),
    ] {
        assert!(
            logged("pieces", &input, step) == expected,
            "in steps of {step}"
        );
    }
}

#[test]
fn no_file_grows_beyond_its_limit_and_none_of_the_kept_lines_is_lost() {
    let dir = Dir::new("rotate");
    let mut log = dir.log(3);
    let mut lines = Lines::new("stderr");
    let input: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
    for piece in input.as_bytes().chunks(1000) {
        lines.feed(piece, TIME, &mut log);
        log.flush();
    }
    assert_eq!(dir.names(), ["output.log", "output.log.1", "output.log.2"]);
    let all = ["output.log.2", "output.log.1", "output.log"].map(|name| {
        let file = dir.read(name);
        assert!(file.len() as u64 <= MIN_LOG);
        file
    });
    let text = String::from_utf8(all.concat()).unwrap();
    let numbers: Vec<u32> = text
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(*numbers.last().unwrap(), 9999);
    assert!(numbers.len() > 2000 && numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

#[test]
fn one_file_begins_again_when_it_is_full() {
    let dir = Dir::new("single");
    let mut log = dir.log(1);
    let mut lines = Lines::new("stdout");
    for _ in 0..100 {
        lines.feed(&[b"0123456789".as_slice(); 100].concat(), TIME, &mut log);
        lines.feed(b"\n", TIME, &mut log);
    }
    log.flush();
    assert_eq!(dir.names(), ["output.log"]);
    assert!((1..=MIN_LOG).contains(&(dir.read("output.log").len() as u64)));
}

#[test]
fn a_log_that_cannot_be_written_is_said_when_it_can_again() {
    let dir = Dir::new("full");
    let mut log = dir.log(2);
    log.file = Some(OpenOptions::new().append(true).open("/dev/full").unwrap());
    log.add(&Line {
        time: TIME,
        stream: "stdout",
        text: b"lost",
        full: true,
    });
    log.flush();
    log.add(&Line {
        time: TIME,
        stream: "stdout",
        text: b"lost too",
        full: true,
    });
    log.flush();
    let limits = log.limits.clone();
    log.reopen(limits);
    log.add(&Line {
        time: TIME,
        stream: "stdout",
        text: b"kept",
        full: true,
    });
    log.flush();
    let text = String::from_utf8(dir.read("output.log")).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.lines()
            .next()
            .unwrap()
            .contains("bytes of output were lost"),
        "{text}"
    );
    assert!(text.ends_with(&format!("{TIME} stdout F kept\n")), "{text}");
}

#[test]
fn a_link_in_the_place_of_the_log_is_not_followed() {
    let dir = Dir::new("link");
    std::os::unix::fs::symlink("/dev/null", dir.0.join("output.log")).unwrap();
    assert!(
        Log::open(Logs {
            path: dir.0.join("output.log"),
            max_size: MIN_LOG,
            max_files: 1
        })
        .is_err()
    );
}
