//! Launches on real consensus: every size, every key in one box, nothing left.

use consortium::report;
use proof::real::{Real, fast_request, really};
use serde_json::json;

/// A launch and a removal of so many validators with so many root keys.
async fn launch_and_remove(validators: u32, root_keys: u32, number: u8) {
    let mut request = fast_request(validators);
    request["root_keys"] = json!(root_keys);
    let Some(real) = Real::launched(&format!("launch{validators}"), number, &request).await else { return };
    let found = real.all_sign(30).await;
    let names: Vec<&str> = found.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names.len(), validators as usize);
    let threshold = u64::from(root_keys / 2 + 1);
    assert_eq!(
        (found.manifest.approval["threshold"].as_u64(), found.manifest.approval["holders"].as_array().map(Vec::len)),
        (Some(threshold), Some(root_keys as usize))
    );
    assert_eq!(found.manifest.verdict["validators_signed"], json!(validators));
    // Every operator has lost its role; the root, and nobody else, has its own.
    let node = real.node_url("node0").await;
    let roles = |account: String| {
        let (real, node) = (&real, &node);
        async move { real.irita("node0", &["query", "perm", "roles", &account, "-o", "json", "--node", node]).await.stdout.trim().to_string() }
    };
    assert_eq!(roles(found.manifest.approval["root"].as_str().unwrap_or_default().into()).await, "{\"roles\":[\"ROOT_ADMIN\"]}");
    for n in &found.manifest.nodes {
        assert_eq!(roles(n.operator.clone()).await, "{\"roles\":[]}", "{}", n.name);
    }
    let memory: Vec<u64> = found.nodes.iter().map(|n| real.memory_mb(&n.name)).collect();
    eprintln!("{validators} validators, {root_keys} root keys: height {}, memory of each {memory:?} MB", found.height);
    let removal = real.session.remove("testnet", false, |_, _, _| {}).await.expect("starts");
    assert_eq!(removal.output["status"], "removed", "{:?}", removal.error);
    assert_eq!(report::left(real.cloud(), "testnet"), vec![]);
    for folder in ["machines", "volumes"] {
        let left: Vec<_> = std::fs::read_dir(real.folder.join(folder)).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[test]
fn one_validator_is_ruled_by_its_own_key() {
    really(launch_and_remove(1, 1, 101));
}

#[test]
fn four_validators() {
    really(launch_and_remove(4, 4, 104));
}

#[test]
fn seven_validators_with_three_root_keys() {
    really(launch_and_remove(7, 3, 107));
}

#[test]
fn nine_validators_with_nine_root_keys() {
    really(launch_and_remove(9, 9, 109));
}

#[test]
fn three_companies_in_three_accounts_and_two_regions() {
    really(async {
        let mut request = fast_request(4);
        request["members"] = json!([{"name": "founder", "account": "111122223333", "region": "us-east-1", "validators": 2},
            {"name": "bank", "account": "444455556666", "region": "us-east-1", "validators": 1},
            {"name": "port", "account": "777788889999", "region": "eu-west-1", "validators": 1}]);
        let Some(real) = Real::launched("companies", 113, &request).await else { return };
        let found = real.all_sign(30).await;
        assert_eq!(found.manifest.approval["holders"], json!(["node0", "node2", "node3"]), "one key for each company");
        let ranges: Vec<&str> = found.nodes.iter().map(|n| n.ip.rsplit_once('.').map(|(range, _)| range).unwrap_or_default()).collect();
        assert!(ranges[2].starts_with("127.113.16") || ranges[2].starts_with("127.113.20"), "{ranges:?}");
        let removal = real.session.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        assert_eq!(removal.output["status"], "removed", "{:?}", removal.error);
        assert_eq!(report::left(real.cloud(), "testnet"), vec![]);
    });
}
