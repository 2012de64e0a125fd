//! What each dialect of tar can say.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::builder::{Header, Tar};
use crate::rig::{Rig, is_root};

#[test]
fn pax_records_win_over_the_header_and_hold_for_one_entry() {
    let rig = Rig::new();
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(250));
    let records = [
        ("path", long.as_bytes()),
        ("mtime", b"1500000000.123456789"),
    ];
    let archive = Tar::new()
        .pax(b'x', &records)
        .file("short", "long")
        .file("next", "next");
    rig.unpack(&archive.end()).succeeded();
    let stat = rig.stat(&long);
    assert_eq!(
        (stat.mtime(), stat.mtime_nsec()),
        (1_500_000_000, 123_456_789)
    );
    assert_eq!(
        (rig.read(&long), rig.read("next"), rig.stat("next").mtime()),
        ("long".into(), "next".into(), 1000)
    );
    assert!(!rig.has("short"));
}

#[test]
fn global_records_hold_until_they_are_taken_back() {
    let rig = Rig::new();
    let archive = Tar::new()
        .pax(b'g', &[("mtime", b"77")])
        .file("a", "")
        .pax(b'x', &[("mtime", b"88")])
        .file("b", "")
        .pax(b'x', &[("mtime", b"")])
        .file("c", "")
        .file("d", "");
    rig.unpack(&archive.end()).succeeded();
    let times = ["a", "b", "c", "d"].map(|name| rig.stat(name).mtime());
    assert_eq!(times, [77, 88, 1000, 77]);
}

#[test]
fn gnu_long_names_and_links_are_read() {
    let rig = Rig::new();
    let (name, target) = (format!("{}/x", "n".repeat(150)), "t".repeat(300));
    let archive = Tar::new()
        .long(b'K', target.as_bytes())
        .long(b'L', name.as_bytes())
        .symlink("cut", "cut")
        .long(b'L', b"other")
        .file("cut", "content");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(
        fs::read_link(rig.tree().join(name)).unwrap().to_str(),
        Some(target.as_str())
    );
    assert_eq!(rig.read("other"), "content");
}

#[test]
fn the_ustar_prefix_goes_in_front_but_gnu_has_none_there() {
    let rig = Rig::new();
    let prefixed = Header::new(b'0', "file").put(345, b"some/prefix");
    let gnu = Header::new(b'0', "gnu").gnu().put(345, b"12345670123");
    rig.unpack(&Tar::new().raw(&prefixed, b"").raw(&gnu, b"").end())
        .succeeded();
    assert!(rig.has("some/prefix/file") && rig.has("gnu"));
}

#[test]
fn base_256_numbers_are_read() {
    let rig = Rig::new();
    let big = Header::new(b'0', "big")
        .put(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])
        .put(
            136,
            &[
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
            ],
        );
    rig.unpack(&Tar::new().raw(&big, b"abc").end()).succeeded();
    assert_eq!(
        (rig.read("big"), rig.stat("big").mtime()),
        ("abc".into(), -2)
    );
}

#[test]
fn old_programs_mark_directories_by_a_slash() {
    let rig = Rig::new();
    let old = Header::new(0, "dir/").put(257, &[0; 8]).mode(0o755);
    rig.unpack(&Tar::new().raw(&old, b"").file("dir/x", "x").end())
        .succeeded();
    assert_eq!(rig.read("dir/x"), "x");
}

#[test]
fn modes_times_and_bits_are_those_of_the_archive() {
    let rig = Rig::new();
    let archive = Tar::new()
        .raw(&Header::new(b'5', "./").mode(0o751).mtime(3), b"")
        .raw(&Header::new(b'5', "tmp").mode(0o1777).mtime(4), b"")
        .raw(&Header::new(b'0', "tmp/f").mode(0o444).mtime(5), b"")
        .raw(&Header::new(b'6', "fifo").mode(0o622).mtime(6), b"")
        .raw(&Header::new(b'2', "link").link("x").mtime(7), b"");
    rig.unpack(&archive.end()).succeeded();
    let of = |path: &str| (rig.stat(path).mode() & 0o7777, rig.stat(path).mtime());
    assert_eq!(
        [of(""), of("tmp"), of("tmp/f"), of("fifo")],
        [(0o751, 3), (0o1777, 4), (0o444, 5), (0o622, 6)]
    );
    assert!(rig.stat("fifo").file_type().is_fifo());
    assert_eq!(rig.stat("link").mtime(), 7);
}

#[test]
fn owners_setuid_bits_and_devices_are_kept_as_root() {
    if !is_root() {
        return rootless_drops_setuid();
    }
    let rig = Rig::new();
    let archive = Tar::new()
        .raw(&Header::new(b'0', "su").mode(0o6755).owner(1234, 4321), b"")
        .raw(&Header::new(b'2', "link").link("su").owner(7, 8), b"")
        .raw(&Header::new(b'3', "null").mode(0o666).device(1, 3), b"")
        .raw(
            &Header::new(b'4', "disk").mode(0o660).device(259, 70000),
            b"",
        )
        .raw(&Header::new(b'3', "gone").device(0, 0), b"");
    rig.unpack(&archive.end()).succeeded();
    let su = rig.stat("su");
    assert_eq!(
        (su.uid(), su.gid(), su.mode() & 0o7777),
        (1234, 4321, 0o6755)
    );
    assert_eq!((rig.stat("link").uid(), rig.stat("link").gid()), (7, 8));
    let numbers = |path: &str| {
        (
            rustix::fs::major(rig.stat(path).rdev()),
            rustix::fs::minor(rig.stat(path).rdev()),
        )
    };
    assert_eq!(
        [numbers("null"), numbers("disk"), numbers("gone")],
        [(1, 3), (259, 70000), (0, 0)]
    );
    assert_eq!(rig.stat("null").mode() & 0o7777, 0o666);
    assert!(rig.stat("disk").file_type().is_block_device());
}

fn rootless_drops_setuid() {
    let rig = Rig::new();
    rig.unpack(
        &Tar::new()
            .raw(&Header::new(b'0', "su").mode(0o6755), b"")
            .end(),
    )
    .succeeded();
    assert_eq!(rig.stat("su").mode() & 0o7777, 0o755);
}

#[test]
fn attributes_are_set_but_for_labels_and_marks_of_overlays() {
    let rig = Rig::new();
    let records = [
        ("SCHILY.xattr.user.one", &b"1\n\0x"[..]),
        ("LIBARCHIVE.xattr.user.two", b"Mg=="),
        ("SCHILY.xattr.security.selinux", b"label"),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
    ];
    let read_only = Header::new(b'0', "f").mode(0o444);
    let archive = Tar::new()
        .pax(b'x', &records)
        .raw(&read_only, b"")
        .pax(b'x', &records)
        .dir("d");
    let outcome = rig.unpack(&archive.end()).succeeded();
    assert_eq!(outcome.summary()["skipped"], serde_json::json!([]));
    for name in ["f", "d"] {
        let path = rig.tree().join(name);
        let mut names = [0_u8; 4096];
        let length = rustix::fs::listxattr(&path, &mut names).unwrap();
        let mut names: Vec<&str> = std::str::from_utf8(&names[..length])
            .unwrap()
            .split_terminator('\0')
            .collect();
        names.retain(|name| *name != "security.selinux");
        names.sort_unstable();
        assert_eq!(names, ["user.one", "user.two"]);
        let mut value = [0_u8; 16];
        assert_eq!(rustix::fs::getxattr(&path, "user.one", &mut value), Ok(4));
        assert_eq!(&value[..4], b"1\n\0x");
    }
}

#[test]
fn an_attribute_that_cannot_be_set_is_reported_and_the_rest_goes_on() {
    let rig = Rig::new();
    let archive = Tar::new()
        .pax(b'x', &[("SCHILY.xattr.nonsense.x", b"1")])
        .file("f", "content");
    let outcome = rig.unpack(&archive.end()).succeeded();
    let skipped = &outcome.summary()["skipped"];
    assert_eq!(
        (skipped[0]["path"].as_str(), rig.read("f")),
        (Some("f"), "content".into())
    );
    assert!(
        skipped[0]["reason"]
            .as_str()
            .unwrap()
            .contains("nonsense.x")
    );
}

#[test]
fn capabilities_survive_the_change_of_owner() {
    if !is_root() {
        return;
    }
    let rig = Rig::new();
    // cap_net_raw=ep, as setcap writes it.
    let value = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let archive = Tar::new()
        .pax(b'x', &[("SCHILY.xattr.security.capability", &value)])
        .raw(
            &Header::new(b'0', "ping").mode(0o755).owner(5, 6).size(4),
            b"ping",
        );
    rig.unpack(&archive.end()).succeeded();
    let mut read = [0_u8; 64];
    let length =
        rustix::fs::getxattr(rig.tree().join("ping"), "security.capability", &mut read).unwrap();
    assert_eq!(&read[..length], value);
}

#[test]
fn sparse_files_of_all_versions_keep_holes_and_content() {
    let hole = 1 << 20;
    let size = (2 * hole).to_string();
    let map = format!("4096,4,{hole},4");
    let zero_one = [
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.map", map.as_bytes()),
    ];
    let place = hole.to_string();
    let zero_zero = [
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"4096"),
        ("GNU.sparse.numbytes", b"4"),
        ("GNU.sparse.offset", place.as_bytes()),
        ("GNU.sparse.numbytes", b"4"),
    ];
    let one = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"one"),
        ("GNU.sparse.realsize", size.as_bytes()),
    ];
    let in_front = format!("{:\0<512}headtail", format!("2\n4096\n4\n{hole}\n4\n"));
    let old = Header::new(b'S', "old").gnu().size(8);
    let old = old.put(
        386,
        format!("{:011o}\0{:011o}\0{:011o}\0{:011o}\0", 4096, 4, hole, 4).as_bytes(),
    );
    let old = old.put(483, format!("{:011o}\0", 2 * hole).as_bytes());
    let archive = Tar::new()
        .pax(b'x', &zero_one)
        .file("zero-one", "headtail")
        .pax(b'x', &zero_zero)
        .file("zero-zero", "headtail")
        .pax(b'x', &one)
        .file("GNUSparseFile.1/one", &in_front)
        .raw(&old, b"headtail")
        .file("after", "after");
    let rig = Rig::new();
    rig.unpack(&archive.end()).succeeded();
    let mut expected = vec![0; 2 * hole];
    expected[4096..4100].copy_from_slice(b"head");
    expected[hole..hole + 4].copy_from_slice(b"tail");
    for name in ["zero-one", "zero-zero", "one", "old"] {
        assert!(
            fs::read(rig.tree().join(name)).unwrap() == expected,
            "{name}"
        );
        assert!(
            rig.stat(name).blocks() * 512 < hole as u64 / 4,
            "{name} is not sparse"
        );
    }
    assert_eq!(rig.read("after"), "after");
}

#[test]
fn long_runs_of_zeros_become_holes() {
    let rig = Rig::new();
    let mut content = vec![0_u8; 3 << 20];
    content[..5].copy_from_slice(b"start");
    content[2 << 20] = b'x';
    let header = Header::new(b'0', "f").size(content.len() as u64);
    let zeros = Header::new(b'0', "zeros").size(content.len() as u64);
    rig.unpack(
        &Tar::new()
            .raw(&header, &content)
            .raw(&zeros, &vec![0; content.len()])
            .end(),
    )
    .succeeded();
    assert!(fs::read(rig.tree().join("f")).unwrap() == content);
    assert!(
        rig.stat("f").blocks() * 512 <= 256 * 1024,
        "{}",
        rig.stat("f").blocks()
    );
    assert_eq!(
        (rig.stat("zeros").len(), rig.stat("zeros").blocks()),
        (3 << 20, 0)
    );
}

#[test]
fn later_entries_win_and_directories_are_joined() {
    let rig = Rig::new();
    let archive = Tar::new()
        .dir("d")
        .file("d/a", "1")
        .dir("d")
        .file("d/b", "2")
        .file("d/a", "3")
        .symlink("d/b", "a");
    let outcome = rig.unpack(&archive.end()).succeeded();
    assert_eq!(rig.read("d/a"), "3");
    assert!(rig.stat("d/b").is_symlink());
    assert_eq!(outcome.summary()["entries"], 6);
}

#[test]
fn volume_labels_and_unknown_records_are_passed_over() {
    let rig = Rig::new();
    let archive = Tar::new()
        .raw(&Header::new(b'V', "label"), b"")
        .pax(b'x', &[("VENDOR.thing", b"1")])
        .file("a", "a");
    rig.unpack(&archive.end()).succeeded();
    assert!(rig.has("a") && !rig.has("label"));
}
