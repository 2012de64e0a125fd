//! Archives that try to reach beyond the tree.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::builder::{Header, Tar};
use crate::rig::Rig;

#[test]
fn a_name_that_climbs_out_is_refused_with_its_name_and_place() {
    for name in [
        "../outside/secret",
        "a/../../outside/secret",
        "/../outside/secret",
        "a/..",
    ] {
        let rig = Rig::new();
        rig.unpack(&Tar::new().dir("a").file(name, "evil").end())
            .failed(&[name, "byte 512", "out of the tree"]);
        rig.assert_unharmed();
    }
}

#[test]
fn an_absolute_name_lands_inside() {
    let rig = Rig::new();
    let absolute = rig.outside().join("secret");
    rig.unpack(&Tar::new().file(absolute.to_str().unwrap(), "evil").end())
        .succeeded();
    assert_eq!(
        rig.read(absolute.strip_prefix("/").unwrap().to_str().unwrap()),
        "evil"
    );
    rig.assert_unharmed();
}

#[test]
fn nothing_is_written_through_a_link_of_the_archive() {
    for target in ["../outside", "/tmp", ".", "dir"] {
        let rig = Rig::new();
        let archive = Tar::new()
            .dir("dir")
            .symlink("link", target)
            .file("link/secret", "evil")
            .end();
        rig.unpack(&archive)
            .failed(&["link", "no directory", "link/secret, byte 1024"]);
        assert!(!rig.has("dir/secret"));
        rig.assert_unharmed();
    }
}

#[test]
fn a_directory_that_becomes_a_link_is_not_written_through() {
    let rig = Rig::new();
    let archive = Tar::new()
        .dir("dir")
        .file("dir/a", "a")
        .symlink("dir", "../outside")
        .file("dir/secret", "evil");
    rig.unpack(&archive.end()).failed(&["dir/secret"]);
    assert!(rig.stat("dir").is_symlink());
    rig.assert_unharmed();
}

#[test]
fn a_link_that_becomes_a_directory_is_replaced() {
    let rig = Rig::new();
    let archive = Tar::new()
        .symlink("dir", "../outside")
        .dir("dir/")
        .file("dir/secret", "inside");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(rig.read("dir/secret"), "inside");
    rig.assert_unharmed();
}

#[test]
fn a_later_file_replaces_a_link_instead_of_writing_through_it() {
    let rig = Rig::new();
    let archive = Tar::new()
        .symlink("passwd", "../outside/secret")
        .file("passwd", "inside");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(rig.read("passwd"), "inside");
    rig.assert_unharmed();
}

#[test]
fn a_later_file_does_not_write_through_a_hard_link() {
    let rig = Rig::new();
    let archive = Tar::new()
        .file("a", "first")
        .hardlink("b", "a")
        .file("b", "second");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(
        (rig.read("a"), rig.read("b")),
        ("first".into(), "second".into())
    );
}

#[test]
fn a_later_entry_of_another_type_replaces_a_whole_directory() {
    let rig = Rig::new();
    let archive = Tar::new()
        .dir("a")
        .dir("a/b")
        .file("a/b/c", "c")
        .file("a", "file")
        .file("x", "x");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(rig.read("a"), "file");
}

#[test]
fn a_hard_link_is_resolved_inside_and_not_through_links() {
    let cases = [
        ("../outside/secret", "out of the tree"),
        ("link/secret", "not in the archive before it"),
        ("nothing", "not in the archive before it"),
        ("", "hard link to the root"),
        ("/", "hard link to the root"),
        ("dir", "allows none"),
    ];
    for (target, reason) in cases {
        let rig = Rig::new();
        let archive = Tar::new()
            .dir("dir")
            .symlink("link", "../outside")
            .hardlink("evil", target)
            .end();
        rig.unpack(&archive).failed(&["evil, byte 1024", reason]);
        rig.assert_unharmed();
    }
}

#[test]
fn a_hard_link_to_a_symbolic_link_links_the_link_itself() {
    let rig = Rig::new();
    let archive = Tar::new()
        .symlink("link", "../outside/secret")
        .hardlink("evil", "link")
        .file("evil", "inside");
    rig.unpack(&archive.end()).succeeded();
    assert!(rig.stat("link").is_symlink());
    assert_eq!(rig.read("evil"), "inside");
    rig.assert_unharmed();
}

#[test]
fn a_hard_link_to_itself_changes_nothing() {
    let rig = Rig::new();
    rig.unpack(&Tar::new().file("a", "a").hardlink("a", "./a").end())
        .succeeded();
    assert_eq!(rig.read("a"), "a");
}

#[test]
fn the_root_stays_a_directory() {
    let links = [b'0', b'1', b'2', b'3', b'6'];
    for (kind, name) in links
        .iter()
        .flat_map(|kind| [".", "/", "./."].map(|name| (*kind, name)))
    {
        let rig = Rig::new();
        let header = Header::new(kind, name).link("elsewhere");
        let outcome = rig.unpack(&Tar::new().raw(&header, b"").file("secret", "evil").end());
        // A plain file whose name ends in a slash is an old program's directory.
        if !(kind == b'0' && name == "/") {
            outcome.failed(&[".", "byte 0", "root"]);
        }
        assert!(rig.stat("").is_dir());
        rig.assert_unharmed();
    }
}

#[test]
fn links_keep_their_targets_as_they_are() {
    let rig = Rig::new();
    let archive = Tar::new()
        .symlink("a", "/etc/../shadow")
        .symlink("b", "../../../x")
        .end();
    rig.unpack(&archive).succeeded();
    assert_eq!(
        fs::read_link(rig.tree().join("a")).unwrap().to_str(),
        Some("/etc/../shadow")
    );
    assert_eq!(
        fs::read_link(rig.tree().join("b")).unwrap().to_str(),
        Some("../../../x")
    );
}

#[test]
fn the_size_in_a_pax_header_wins_for_the_data_and_for_what_follows() {
    let rig = Rig::new();
    // To a reader that believes the ustar size of 0 the data would be one more entry.
    let hidden = Tar::new().file("smuggled", "evil").bytes;
    let archive = Tar::new()
        .pax(b'x', &[("size", b"1024")])
        .raw(&Header::new(b'0', "outer").size(0), &hidden)
        .file("after", "after");
    rig.unpack(&archive.end()).succeeded();
    assert!(!rig.has("smuggled"));
    assert_eq!(
        (rig.stat("outer").len(), rig.read("after")),
        (1024, "after".into())
    );
}

#[test]
fn a_size_on_a_link_or_directory_means_no_data() {
    for kind in [b'1', b'2', b'5', b'6'] {
        let rig = Rig::new();
        let header = Header::new(kind, "thing").link("target").size(512);
        let archive = Tar::new()
            .file("target", "t")
            .raw(&header, b"")
            .file("after", "after");
        rig.unpack(&archive.end()).succeeded();
        assert_eq!(rig.read("after"), "after");
    }
}

#[test]
fn modes_that_keep_the_owner_out_do_not_stop_what_comes_below() {
    let rig = Rig::new();
    let closed = |name: &str| Header::new(b'5', name).mode(0);
    let archive = Tar::new()
        .raw(&closed("a"), b"")
        .raw(&closed("a/b"), b"")
        .file("a/b/c", "c");
    rig.unpack(&archive.end()).succeeded();
    assert_eq!(
        (
            rig.stat("a").mode() & 0o7777,
            rig.stat("a/b").mode() & 0o7777
        ),
        (0, 0)
    );
}

#[test]
fn more_directories_than_descriptors_keep_their_modes_and_times() {
    let rig = Rig::new();
    let mut archive = Tar::new();
    for index in 0..400 {
        archive = archive.raw(
            &Header::new(b'5', &format!("d{index}"))
                .mode(0o500)
                .mtime(5000 + index),
            b"",
        );
    }
    for index in 0..400 {
        archive = archive.file(&format!("d{index}/sub/file"), "x");
    }
    rig.unpack(&archive.end()).succeeded();
    for index in 0..400 {
        let stat = rig.stat(&format!("d{index}"));
        assert_eq!((stat.mode() & 0o7777, stat.mtime()), (0o500, 5000 + index));
        assert_eq!(rig.read(&format!("d{index}/sub/file")), "x");
    }
}

#[test]
fn a_bomb_is_stopped_by_max_bytes() {
    let rig = Rig::new();
    let archive = Tar::new()
        .file("small", "x")
        .raw(
            &Header::new(b'0', "bomb").size(10 << 20),
            &vec![0; 10 << 20],
        )
        .end();
    rig.unpack_with(&archive, &["--max-bytes", "100000"])
        .failed(&["bomb", "more than 100000 bytes", "--max-bytes"]);
}

#[test]
fn messages_carry_no_control_characters_of_the_archive() {
    let rig = Rig::new();
    let outcome = rig
        .unpack(&Tar::new().file("\x1b[2Jx\n/..", "evil").end())
        .failed(&["\\u{1b}[2Jx\\n"]);
    assert_eq!(outcome.err.lines().count(), 1);
}
