use super::*;

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
    1:x:0:0:a name that is a number:/root:/bin/sh\n\
    daemon:*:1:1::/usr/sbin:/usr/sbin/nologin\n\
    +nis::::::\n\
    broken:x:-1:0::/:/bin/sh\n\
    overflow:x:4294967296:0::/:/bin/sh\n\
    unchanged:x:4294967295:0::/:/bin/sh\n\
    short:x:7:7\n\
    paul:x:1000:1000:Paul:/home/paul:/bin/zsh\n\
    paul:x:0:0:second:/root:/bin/sh\n\
    relative:x:1001:1001::home:sh";

const GROUP: &[u8] = b"root:x:0:\n\
    20:x:0:paul\n\
    wheel:x:10:root,paul\n\
    again:x:10:paul\n\
    video:x:44:paul,daemon\n\
    bad:x:-5:paul\n\
    paul:x:1000:paul\n\
    pauline:x:77:pauline\n";

fn user(spec: &str) -> User {
    lookup(PASSWD, GROUP, spec).unwrap()
}

fn reason(spec: &str) -> String {
    lookup(PASSWD, GROUP, spec).unwrap_err().to_string()
}

#[test]
fn a_name_gives_ids_groups_home_and_shell() {
    let paul = user("paul");
    assert_eq!((paul.uid, paul.gid), (1000, 1000));
    assert_eq!(paul.groups, [10, 44]);
    assert_eq!(paul.home.unwrap().to_str(), Some("/home/paul"));
    assert_eq!(paul.shell.unwrap().to_str(), Some("/bin/zsh"));
    assert_eq!(user("1000").name.as_deref(), Some("paul"));
}

#[test]
fn a_number_is_never_looked_up_as_a_name() {
    assert_eq!(user("1").uid, 1);
    assert_eq!(user("1:20").gid, 20);
    assert_eq!((user("4242").uid, user("4242").gid), (4242, 0));
}

#[test]
fn a_group_that_is_asked_for_replaces_all_groups() {
    let paul = user("paul:video");
    assert_eq!((paul.uid, paul.gid), (1000, 44));
    assert!(paul.groups.is_empty());
    assert_eq!(user("4242:4343").gid, 4343);
}

#[test]
fn malformed_lines_do_not_exist() {
    for name in ["broken", "overflow", "unchanged", "short"] {
        assert!(reason(name).contains("no user"), "{name}");
    }
    assert!(reason("paul:bad").contains("no group"));
    assert_eq!(user("relative").home, None);
}

#[test]
fn specifications_that_are_neither_id_nor_name_are_refused() {
    for spec in [
        "",
        ":",
        ":0",
        "0:",
        "-1",
        "+0",
        "00",
        "01",
        "0x0",
        " 0",
        "0 ",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "1e3",
        "0:0:0",
        "root:root:x",
        "a b",
        "a\n",
        "+nis",
        "\u{0661}\u{0662}:0:",
    ] {
        assert!(lookup(PASSWD, GROUP, spec).is_err(), "{spec:?}");
    }
}

#[test]
fn empty_binary_and_huge_files_are_read_without_harm() {
    assert_eq!(lookup(b"", b"", "0").unwrap().uid, 0);
    assert!(lookup(b"", b"", "root").is_err());
    let mut long = vec![b'a'; MAX_FILE - 100];
    long.extend_from_slice(b"\npaul:x:5:5::/:/bin/sh\n");
    assert_eq!(lookup(&long, &long, "paul").unwrap().uid, 5);
    let beyond = [vec![b'a'; MAX_FILE], b"\npaul:x:5:5::/:/bin/sh\n".to_vec()].concat();
    assert!(lookup(&beyond, b"", "paul").is_err());
    let many = "g:x:7:paul\n".repeat(200_000)
        + &(0..100_000)
            .map(|n| format!("g:x:{n}:paul\n"))
            .collect::<String>();
    assert!(
        lookup(b"paul:x:5:5::/:/bin/sh", many.as_bytes(), "paul")
            .unwrap()
            .groups
            .len()
            <= MAX_GROUPS
    );
}

/// Any bytes in the files, any number asked for: the uid is that number.
#[test]
fn whatever_the_files_hold_a_number_stays_that_number() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let passwd = random.file();
        let group = random.file();
        let uid = (random.next() % 5) as u32 * 499;
        let found = lookup(&passwd, &group, &uid.to_string()).unwrap();
        assert_eq!(found.uid, uid, "{:?}", String::from_utf8_lossy(&passwd));
        assert!(!found.groups.contains(&u32::MAX) && found.gid != u32::MAX);
        if let Ok(named) = lookup(&passwd, &group, "paul") {
            assert_eq!(named.name.as_deref(), Some("paul"));
        }
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Pieces of real lines, glued at random: nearly well-formed, which is where parsers fail.
    fn file(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            b"paul",
            b"root",
            b":",
            b":",
            b":x:",
            b"0",
            b"499",
            b"-1",
            b"4294967295",
            b"\n",
            b"\n",
            b"\r",
            b"\0",
            b"\xff\xfe",
            b"::/:/bin/sh\n",
            b",",
        ];
        (0..self.next() % 40)
            .flat_map(|_| PIECES[(self.next() % 16) as usize])
            .copied()
            .collect()
    }
}
