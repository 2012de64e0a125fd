//! Archives that are broken: a clear error with the place, never a silent half.

use crate::builder::{Header, Tar};
use crate::rig::Rig;

fn fails(archive: &[u8], words: &[&str]) {
    let rig = Rig::new();
    rig.unpack(archive).failed(words);
    rig.assert_unharmed();
}

#[test]
fn a_wrong_checksum_names_the_place_and_the_entry_before() {
    let archive = Tar::new()
        .file("a", "a")
        .raw(&Header::new(b'0', "b").without_checksum(), b"")
        .end();
    fails(&archive, &["byte 1024", "behind a", "checksum"]);
}

#[test]
fn what_is_no_archive_is_called_so() {
    fails(&[b'x'; 4096], &["standard input", "not a tar archive"]);
    fails(b"", &["empty"]);
    fails(b"short", &["ends in the middle"]);
    fails(b"BZh91AY&SY....", &["bzip2 is not supported", "zstd"]);
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    let archive = Tar::new()
        .dir("a")
        .pax(b'x', &[("path", b"a/b")])
        .file("x", &"y".repeat(700))
        .end();
    for length in (1..archive.len() - 1024)
        .step_by(101)
        .chain([512, 1024, 1536, 2048, 3072])
    {
        let rig = Rig::new();
        let outcome = rig.unpack(&archive[..length]).failed(&["byte"]);
        assert!(
            outcome.err.contains("ends") || outcome.err.contains("stands at the end"),
            "{length}: {}",
            outcome.err
        );
    }
}

#[test]
fn a_lone_zero_block_is_end_enough() {
    let rig = Rig::new();
    let archive = Tar::new().file("a", "a").end();
    rig.unpack(&archive[..archive.len() - 512]).succeeded();
    assert_eq!(rig.read("a"), "a");
}

#[test]
fn data_behind_the_end_is_an_error() {
    let mut archive = Tar::new().file("a", "a").end();
    archive.extend([0; 4096]);
    archive.push(1);
    fails(&archive, &["byte 6144", "behind the end"]);
}

#[test]
fn sizes_and_numbers_that_cannot_be_are_refused() {
    let negative = Header::new(b'0', "n").put(124, &[0xff; 12]);
    fails(
        &Tar::new().raw(&negative, b"").end(),
        &["n, byte 0", "size is negative"],
    );
    let huge = Header::new(b'0', "n").put(124, &[0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]);
    fails(
        &Tar::new().raw(&huge, b"").end(),
        &["n, byte 0", "size is not a number"],
    );
    let text = Header::new(b'0', "n").put(108, b"zzz");
    fails(
        &Tar::new().raw(&text, b"").end(),
        &["n, byte 0", "uid is not a number"],
    );
    let pax = |value: &[u8]| Tar::new().pax(b'x', &[("size", value)]).file("n", "").end();
    fails(&pax(b"-5"), &["wrong value for size"]);
    fails(
        &pax(b"18446744073709551615"),
        &["n, byte 1024", "not possible"],
    );
    fails(
        &pax(b"9223372036854775807"),
        &["n, byte 1024", "ends in the middle"],
    );
}

#[test]
fn names_that_the_kernel_cannot_hold_are_refused() {
    let named = |name: &[u8]| Tar::new().pax(b'x', &[("path", name)]).file("x", "").end();
    fails(&named(b"a\0b"), &["NUL"]);
    fails(&named(&[b'a'; 256]), &["256 bytes", "255"]);
    fails(&named(&b"a/".repeat(2100)), &["4200 bytes", "4095"]);
    let link = |target: &[u8]| {
        Tar::new()
            .pax(b'x', &[("linkpath", target)])
            .symlink("x", "y")
            .end()
    };
    fails(&link(b"a\0b"), &["x, byte", "NUL"]);
    fails(&link(&[b'a'; 4096]), &["4096 bytes"]);
    fails(&Tar::new().symlink("x", "").end(), &["without a target"]);
}

#[test]
fn extended_headers_have_a_limit_and_a_form() {
    fails(
        &Tar::new()
            .raw(&Header::new(b'x', "p").size(1 << 30), b"")
            .end(),
        &["extended header", "possible"],
    );
    fails(
        &Tar::new()
            .raw(&Header::new(b'L', "p").size(1 << 30), b"")
            .end(),
        &["extended header", "possible"],
    );
    fails(
        &Tar::new()
            .raw(&Header::new(b'x', "p").size(9), b"99 path=a")
            .file("x", "")
            .end(),
        &["damaged"],
    );
    fails(
        &Tar::new().pax(b'x', &[("path", b"a")]).end(),
        &["without its entry"],
    );
}

#[test]
fn types_that_are_not_known_are_named() {
    fails(
        &Tar::new().raw(&Header::new(b'Q', "q"), b"").end(),
        &["q, byte 0", "type `Q`"],
    );
    fails(
        &Tar::new().raw(&Header::new(b'M', "m"), b"").end(),
        &["m, byte 0", "another volume"],
    );
}

#[test]
fn maps_of_holes_must_fit_their_file() {
    let map = |map: &[u8], real: &[u8], data: &str| {
        let records = [("GNU.sparse.size", real), ("GNU.sparse.map", map)];
        Tar::new().pax(b'x', &records).file("s", data).end()
    };
    fails(
        &map(b"0,4,2,4", b"100", "abcdefgh"),
        &["s, byte", "overlap"],
    );
    fails(&map(b"96,8", b"100", "abcdefgh"), &["outside"]);
    fails(&map(b"0,4", b"100", "abcdefgh"), &["4 bytes, 8 are stored"]);
    fails(
        &map(b"18446744073709551615,8", b"100", "abcdefgh"),
        &["outside"],
    );
    fails(&map(b"0,8,1", b"100", "abcdefgh"), &["damaged"]);
    let one = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"100"),
    ];
    fails(
        &Tar::new()
            .pax(b'x', &one)
            .file("s", &format!("{:<512}", "999999999999\n"))
            .end(),
        &["more than"],
    );
    fails(
        &Tar::new().pax(b'x', &one).file("s", &"x".repeat(512)).end(),
        &["damaged"],
    );
    fails(
        &Tar::new().pax(b'x', &one).file("s", "").end(),
        &["longer than its data"],
    );
    let two = [("GNU.sparse.major", &b"2"[..])];
    fails(
        &Tar::new().pax(b'x', &two).file("s", "x").end(),
        &["version 2.0"],
    );
}

#[test]
fn a_directory_that_is_not_empty_is_not_unpacked_into() {
    let rig = Rig::new();
    std::fs::create_dir(rig.tree()).unwrap();
    std::fs::write(rig.tree().join("old"), "old").unwrap();
    rig.unpack(&Tar::new().file("old", "new").end())
        .failed(&["tree", "not empty"]);
    assert_eq!(rig.read("old"), "old");
}
