//! Bad requests at the command line: exit code 2, the field or the place named, and nothing called, not even a world begun.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, built beside this test.
fn consortium() -> PathBuf {
    let here = std::env::current_exe().expect("this test");
    let folder = here.ancestors().find(|p| p.join("consortium").is_file());
    folder.expect("target folder with consortium: run cargo build --workspace first").join("consortium")
}

/// A folder of one test, taken away at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("consortium-requests-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Launches a file, which must be refused with all of the words, and gives how long that took.
fn refused(folder: &Path, file: &Path, words: &[&str]) -> std::time::Duration {
    let (home, began) = (folder.join("home"), std::time::Instant::now());
    let ran = Command::new(consortium()).args(["--lang", "en", "--home"]).arg(&home).arg("launch").arg(file).output().expect("runs");
    let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(2), "{}: {text}", file.display());
    let missing = words.iter().find(|w| !text.contains(*w));
    assert_eq!(missing, None, "{}: {text}", file.display());
    assert!(text.len() < 2_000 && !home.exists(), "{}: {} characters; a world was begun: {}", file.display(), text.len(), home.exists());
    began.elapsed()
}

fn with(folder: &Path, bytes: &[u8], words: &[&str]) {
    let file = folder.join("request.json");
    std::fs::File::create(&file).and_then(|mut f| f.write_all(bytes)).expect("written");
    refused(folder, &file, words);
}

#[test]
fn a_bad_request_is_refused_by_its_field() {
    let folder = Folder::new("fields");
    let plain = |change: &str| format!("{{\"network\":\"testnet\",\"chain_id\":\"testnet\",\"size\":\"test\",{change}}}");
    let member = |name: &str, account: &str, region: &str, cidr: &str| {
        format!("{{\"name\":\"{name}\",\"account\":\"{account}\",\"region\":\"{region}\",\"validators\":2,\"cidr\":\"{cidr}\"}}")
    };
    let second = |name: &str, account: &str, region: &str, cidr: &str| {
        plain(&format!("\"members\":[{},{}]", member("founder", "111122223333", "us-east-1", "10.64.0.0/20"), member(name, account, region, cidr)))
    };
    let long = "x".repeat(49);
    for (text, words) in [
        (plain("\"validators\":0"), &["`validators`"][..]),
        (plain("\"validators\":101"), &["`validators`"]),
        (plain("\"validators\":3"), &["`validators`", "allow_no_fault_tolerance"]),
        (plain("\"validators\":4").replace("\"chain_id\":\"testnet\"", "\"chain_id\":\"test net\""), &["`chain_id`"]),
        (plain("\"validators\":4").replace("\"chain_id\":\"testnet\"", &format!("\"chain_id\":\"{long}\"")), &["`chain_id`", "48"]),
        (plain("\"validators\":4,\"colour\":1"), &["colour"]),
        (plain("\"validators\":4,\"instance_types\":[\"z9.huge\"]"), &["`instance_types[0]`"]),
        (plain("\"validators\":4,\"scrapers\":[\"0.0.0.0/0\"]"), &["`scrapers[0]`"]),
        (second("founder", "444455556666", "eu-west-1", "10.64.16.0/20"), &["`members[1].name`"]),
        (second("bank", "111122223333", "eu-west-1", "10.64.16.0/20"), &["`members[1].account`"]),
        (second("bank", "444455556666", "cn-north-1", "10.64.16.0/20"), &["`members[1].region`", "partition"]),
        (second("bank", "444455556666", "eu-west-1", "10.64.0.0/20"), &["`members[1].cidr`", "overlaps"]),
        (second("bank", "444455556666", "eu-west-1", "172.31.0.0/16"), &["`members[1].cidr`", "172.31.0.0/16"]),
        (second("bank", "444455556666", "eu-west-1", "0.0.0.0/0"), &["`members[1].cidr`", "whole world"]),
    ] {
        with(&folder.0, text.as_bytes(), words);
    }
}

#[test]
fn a_file_that_is_no_request_is_refused_with_its_place() {
    let folder = Folder::new("files");
    with(&folder.0, b"{\"network\": testnet}", &["`request`", "line 1 column"]);
    with(&folder.0, b"", &["`request`"]);
    with(&folder.0, b"{\"network\":\"\xff\xfe\"}", &["`request`", "line 1 column 13"]);
    with(&folder.0, "[".repeat(100_000).as_bytes(), &["`request`", "line 1 column"]);
    with(&folder.0, format!("{{\"network\":\n{}", "{\"a\":".repeat(50_000)).as_bytes(), &["`request`", "line 2 column"]);
    // A gigabyte that nobody reads.
    let big = folder.0.join("big.json");
    std::fs::File::create(&big).and_then(|f| f.set_len(1 << 30)).expect("a sparse file");
    let took = refused(&folder.0, &big, &["`request`"]);
    assert!(took.as_secs() < 20, "{took:?}");
    refused(&folder.0, &folder.0.join("absent.json"), &["`FILE`"]);
    refused(&folder.0, &folder.0, &["`FILE`"]);
}
