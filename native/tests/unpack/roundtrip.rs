//! Trees packed by GNU tar and the usual compressors come back as they were.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::builder::{Header, Tar};
use crate::rig::{Rig, run};

#[test]
fn a_tree_comes_back_from_every_dialect_and_compression() {
    let rig = Rig::new();
    let source = sample(&rig.base.join("outside"));
    for (dialect, compressor) in [
        ("gnu", "cat"),
        ("ustar", "gzip"),
        ("pax", "zstd -q"),
        ("posix", "xz -0"),
        ("oldgnu", "xz -T2 -0 --block-size=4096"),
    ] {
        let rig = Rig::new();
        let sparse = if dialect == "ustar" { "" } else { "--sparse" };
        let script = format!("tar --format={dialect} {sparse} -cf - -C \"$0\" . | {compressor}");
        let archive = shell(&script, &source);
        let outcome = rig.unpack(&archive).succeeded();
        assert_eq!(
            outcome.summary()["sha256"].as_str(),
            Some(sha256(&archive).as_str())
        );
        assert_eq!(outcome.summary()["bytes"], archive.len());
        let whole = matches!(dialect, "pax" | "posix");
        assert_eq!(
            listing(&source, whole),
            listing(&rig.tree(), whole),
            "{dialect}, {compressor}"
        );
        let same = Command::new("diff")
            .args(["-r", "--no-dereference"])
            .args([&source, &rig.tree()])
            .status()
            .unwrap();
        assert!(same.success(), "{dialect}, {compressor}");
    }
}

#[test]
fn archives_of_several_compressed_parts_are_one() {
    let whole = Tar::new().file("a", &"a".repeat(3000)).file("b", "b").end();
    for compressor in ["gzip", "zstd -q", "xz"] {
        let parts: Vec<u8> = whole
            .chunks(1000)
            .flat_map(|part| filter(&format!("{compressor} -c"), part))
            .collect();
        let rig = Rig::new();
        rig.unpack(&parts).succeeded();
        assert_eq!(
            (rig.read("a").len(), rig.read("b")),
            (3000, "b".into()),
            "{compressor}"
        );
    }
}

#[test]
fn padding_between_and_behind_compressed_parts_is_passed_over() {
    let whole = Tar::new().file("a", "a").end();
    let skippable = |magic: u8| [&[magic, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let gzip = [
        filter("gzip -c", &whole[..700]),
        vec![0; 5],
        filter("gzip -c", &whole[700..]),
        vec![0; 700],
    ]
    .concat();
    let zstd = [
        skippable(0x50),
        filter("zstd -qc", &whole[..700]),
        skippable(0x5f),
        filter("zstd -qc", &whole[700..]),
    ]
    .concat();
    let xz = [
        filter("xz -c", &whole[..700]),
        vec![0; 8],
        filter("xz -c", &whole[700..]),
        vec![0; 4],
    ]
    .concat();
    for archive in [gzip, zstd, xz] {
        let rig = Rig::new();
        rig.unpack(&archive).succeeded();
        assert_eq!(rig.read("a"), "a");
    }
}

#[test]
fn compressed_data_that_is_cut_or_changed_or_followed_by_rubbish_is_an_error() {
    let content: String = (0..20_000).map(|number| format!("{number},")).collect();
    let whole = Tar::new().file("a", &content).end();
    for compressor in ["gzip -c", "zstd -qc", "xz -c"] {
        let good = filter(compressor, &whole);
        let mut changed = good.clone();
        let middle = good.len() / 2;
        changed[middle] ^= 0x55;
        let rubbish = [good.as_slice(), b"rubbish, not zeros"].concat();
        for (name, archive) in [
            ("cut", &good[..good.len() - 9]),
            ("changed", &changed),
            ("rubbish", &rubbish),
        ] {
            let rig = Rig::new();
            let outcome = rig.unpack(archive);
            assert_eq!(outcome.code, 1, "{compressor}, {name}: {}", outcome.out);
            assert!(
                outcome.err.contains("byte") || outcome.err.contains("standard input"),
                "{}",
                outcome.err
            );
            assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
        }
    }
}

#[test]
fn windows_and_dictionaries_that_would_take_too_much_memory_are_refused() {
    let whole = Tar::new()
        .raw(&Header::new(b'0', "a").size(300 << 20), &vec![7; 300 << 20])
        .end();
    let rig = Rig::new();
    let wide = filter("zstd -qc --long=30 --no-check", &whole);
    rig.unpack(&wide).failed(&["zstd", "128 MiB"]);
    let wide = filter("xz -c --lzma2=preset=0,dict=512MiB", &whole[..1 << 20]);
    Rig::new().unpack(&wide).failed(&["xz", "memory"]);
}

#[test]
fn memory_stays_small_whatever_the_archive_holds() {
    let mut archive = Tar::new();
    for index in 0..20_000 {
        archive = archive.dir(&format!("{index:0>90}"));
    }
    let archive = archive
        .raw(
            &Header::new(b'0', "big").size(200 << 20),
            &vec![1; 200 << 20],
        )
        .end();
    let rig = Rig::new();
    let mut command = Command::new("sh");
    // The limit is on address space, of which threads' stacks take most.
    command.args([
        "-c",
        "ulimit -v 150000; exec \"$0\" unpack --no-sync - \"$1\"",
    ]);
    command.arg(env!("CARGO_BIN_EXE_pavlosc")).arg(rig.tree());
    run(command, &archive).succeeded();
    assert_eq!(rig.stat("big").len(), 200 << 20);
}

#[test]
fn progress_counts_the_bytes_of_the_archive() {
    let rig = Rig::new();
    let archive = filter("gzip -c", &Tar::new().file("a", "a").end());
    let outcome = rig.unpack_with(&archive, &["--progress"]).succeeded();
    let last: serde_json::Value =
        serde_json::from_str(outcome.err.lines().last().unwrap()).unwrap();
    assert_eq!(last["read"], archive.len());
}

#[test]
fn an_archive_is_read_from_a_file_too() {
    let rig = Rig::new();
    let file = rig.base.join("tree.tar");
    fs::write(&file, Tar::new().file("a", "a").end()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
    command.arg("unpack").arg(&file).arg(rig.tree());
    run(command, b"").succeeded();
    assert_eq!(rig.read("a"), "a");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
    command
        .arg("unpack")
        .arg(rig.base.join("missing.tar"))
        .arg(rig.base.join("other"));
    run(command, b"").failed(&["missing.tar", "No such file"]);
    assert!(
        !rig.base.join("other").exists(),
        "a directory was made for an archive that is not there"
    );
}

/// A tree with everything that tar can hold and any user can make.
fn sample(outside: &Path) -> std::path::PathBuf {
    let script = "
        cd \"$0\" && mkdir -p tree/sub/$(printf 'n%.0s' $(seq 90)) tree/empty && cd tree
        seq 50000 > sub/numbers && ln sub/numbers hard && ln -s sub/numbers link && ln -s /nowhere dangling
        echo deep > sub/n*/$(printf 'm%.0s' $(seq 60)) && mkfifo fifo && : > nothing
        printf 'x' | dd of=sparse bs=1 seek=3000000 2>/dev/null && printf 'a b\\tc' > 'name with  spaces
and a line'
        head -c 1000000 /dev/urandom > random && chmod 4711 random && chmod 000 nothing && chmod 2750 empty
        touch -d '2001-02-03 04:05:06.789' sub/numbers link empty && touch -d '1971-12-31' random && chmod 0555 sub";
    shell(script, outside);
    outside.join("tree")
}

/// What is known of each file; ustar and GNU have whole seconds only.
fn listing(tree: &Path, fractions: bool) -> String {
    let script = "cd \"$0\" && find . -type d -printf '%P %y %m %U %G %T@ %l\\n' -o -printf '%P %y %m %U %G %s %T@ %l %n\\n' | sort";
    let text = String::from_utf8(shell(script, tree)).unwrap();
    if fractions {
        return text;
    }
    let cut = |word: &str| {
        word.split_once('.')
            .filter(|(_, end)| end.len() == 10)
            .map_or(word, |(start, _)| start)
            .to_owned()
    };
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

fn sha256(bytes: &[u8]) -> String {
    let text = String::from_utf8(filter("sha256sum", bytes)).unwrap();
    text.split(' ').next().unwrap().to_owned()
}

/// Output of a shell script with `path` as `$0`.
fn shell(script: &str, path: &Path) -> Vec<u8> {
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", script])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn filter(command: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{command}");
    output.stdout
}
