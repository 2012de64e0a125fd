//! schema/corpus: what the schemas accept and refuse, the types accept and refuse as well.

use std::path::{Path, PathBuf};

use super::{Config, parse_json, supervise, validate};

fn documents(kind: &str, prefix: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schema/corpus")
        .join(kind);
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(prefix)
        })
        .collect();
    found.sort();
    assert!(found.len() >= 2, "the corpus of {kind} {prefix} is gone");
    found
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// What stops a bundle: the types and the rules.
fn config(text: &[u8]) -> crate::error::Result<()> {
    let config: Config = parse_json(text, "read corpus").and_then(validate::check)?;
    drop(config);
    Ok(())
}

#[test]
fn every_valid_document_is_read() {
    for (path, text) in documents("valid", "config-") {
        config(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    for (path, text) in documents("valid", "supervise-") {
        supervise::parse(&text, "corpus")
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn every_invalid_document_is_refused() {
    for (path, text) in documents("invalid", "config-") {
        assert!(config(&text).is_err(), "{} is accepted", path.display());
    }
    for (path, text) in documents("invalid", "supervise-") {
        assert!(
            supervise::parse(&text, "corpus").is_err(),
            "{} is accepted",
            path.display()
        );
    }
}
