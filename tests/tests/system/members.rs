//! Several companies: each in its own account, joined by invitation, peered, and launched or undone together.

use consortium::artefacts::Artefacts;
use consortium::report;
use consortium::session::{ACCOUNT, Session};
use domain::request::Request;
use proof::{World, launch, look, session, story, virtually};
use serde_json::{Value, json};

/// A request of companies with so many validators each; every second one is in Ireland.
fn companies(validators: &[u32]) -> Value {
    let one = |(i, n): (usize, &u32)| {
        let name = if i == 0 { "founder".to_string() } else { format!("company{i:02}") };
        let account = if i == 0 { ACCOUNT.to_string() } else { format!("{:012}", 222_200_000_000u64 + i as u64) };
        json!({"name": name, "account": account, "region": if i % 2 == 0 { "us-east-1" } else { "eu-west-1" }, "validators": n})
    };
    let members: Vec<Value> = validators.iter().enumerate().map(one).collect();
    let total: u32 = validators.iter().sum();
    json!({"network": "testnet", "chain_id": "testnet", "size": "test", "members": members, "allow_no_fault_tolerance": total < 4})
}

/// A world in which every company of a request has joined.
async fn gathered(request: &Value) -> Session {
    let s = session(1, &Artefacts::default()).await;
    let request = Request::from_value(request.clone()).expect("valid");
    s.gather(&request).await.expect("everybody joins");
    s
}

#[test]
fn three_companies_in_two_regions_launch_and_remove() {
    virtually(async {
        let request = companies(&[4, 2, 2]);
        let s = gathered(&request).await;
        let outcome = launch(&s, &request, &[]).await;
        assert_eq!(outcome.output["status"], "launched", "{:?}\n{}", outcome.error, story(&s));
        assert_eq!(look(&s, 8).await, World::AsAsked);
        let found = report::network(&s.cloud, "testnet").await.expect("launched");
        assert_eq!(found.manifest.approval["holders"], json!(["node0", "node4", "node6"]), "one root key for each company");
        let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        assert_eq!(removal.output["status"], "removed", "{:?}\n{}", removal.error, story(&s));
        assert_eq!(look(&s, 8).await, World::AsBefore);
    });
}
