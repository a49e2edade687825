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

/// Undoes one thing that lets two companies' nodes meet.
type Cut = (&'static str, fn(&mut local_cloud::World));

/// The rules, routes and peerings that peering makes; each alone is enough to part a company from the others.
fn cuts() -> Vec<Cut> {
    fn plain(world: &mut local_cloud::World, kind: &str, account: &str, field: &str, text: &str) {
        let fits = |p: &local_cloud::world::Plain| p.kind == kind && p.account == account && p.properties[field].as_str().is_some_and(|v| v.contains(text));
        let before = world.plain.len();
        world.plain.retain(|_, p| !fits(p));
        assert!(world.plain.len() < before, "there is a {kind} of {account} to {text}");
    }
    const OTHER: &str = "222200000001";
    vec![
        ("its own route", |w| plain(w, "AWS::EC2::Route", OTHER, "DestinationCidrBlock", "10.64.0.0")),
        ("the other side's route", |w| plain(w, "AWS::EC2::Route", ACCOUNT, "DestinationCidrBlock", "10.64.16.0")),
        ("the acceptance", |w| w.peerings.values_mut().for_each(|p| p.accepted_ms = 0)),
    ]
}

#[test]
fn without_a_route_or_the_acceptance_a_company_does_not_sync() {
    for (what, cut) in cuts() {
        virtually(async {
            let request = companies(&[4, 1]);
            let s = gathered(&request).await;
            let outcome = launch(&s, &request, &[]).await;
            assert_eq!(outcome.output["status"], "launched", "{:?}\n{}", outcome.error, story(&s));
            cut(&mut s.cloud.world());
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            let found = report::network(&s.cloud, "testnet").await.expect("recorded");
            let (here, there): (Vec<_>, Vec<_>) = found.nodes.iter().partition(|n| n.name != "node4");
            assert!(here.iter().all(|n| n.signing), "{what}");
            assert!(there.iter().all(|n| !n.signing && n.height < found.height), "{what}: node4 is at {} of {}", there[0].height, found.height);
        });
    }
}

#[test]
fn one_companys_failure_is_told_and_undone_in_every_account() {
    virtually(async {
        let request = companies(&[4, 2, 2]);
        let s = gathered(&request).await;
        let outcome = launch(&s, &request, &["node5:pull=fail".to_string()]).await;
        assert!(outcome.status == "FAILED" && outcome.error.1.contains("node5"), "{:?}", outcome.error);
        assert_eq!(look(&s, 8).await, World::AsBefore, "{}", story(&s));
        assert!(!s.cloud.world().peerings.values().any(|p| p.state(s.cloud.now_ms()) != "deleted"), "every peering is undone");
    });
}

#[test]
fn an_invitation_is_refused_in_the_wrong_account_when_expired_and_when_revoked() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let state = |s: &Session| s.members().iter().map(|m| (m.state.clone(), !m.refused.is_empty())).collect::<Vec<_>>();
        let (_, link) = s.invite("bank", "444455556666", "eu-west-1", "", 1, "").await.expect("invited");
        // Opened in an account that nobody invited: the bus does not hear it.
        s.join(&link, "999999999999").await.expect("the stack is made");
        assert_eq!(state(&s), [("invited".to_string(), false)]);
        // Opened too late.
        tokio::time::sleep(std::time::Duration::from_secs(2 * 86_400)).await;
        s.join(&link, "444455556666").await.expect("the stack is made");
        assert_eq!(state(&s), [("invited".to_string(), true)]);
        assert!(s.members()[0].refused.contains("expired"), "{}", s.members()[0].refused);
        s.revoke("bank").await.expect("revoked");
        assert_eq!(state(&s)[0].0, "revoked");
        let twin = s.invite("port", ACCOUNT, "eu-west-1", "", 1, "").await.expect_err("the founder's own account");
        assert!(twin.message.starts_with("`account`"), "{twin}");
        let overlap = s.invite("port", "777788889999", "eu-west-1", "10.64.0.0/20", 1, "").await.expect_err("the founder's range");
        assert!(overlap.message.contains("overlaps"), "{overlap}");
    });
}

#[test]
fn a_stack_that_agreed_to_another_network_is_not_taken_along() {
    virtually(async {
        let request = companies(&[4, 2]);
        let s = gathered(&request).await;
        let mut other = companies(&[4, 2]);
        other["members"][0]["validators"] = json!(9);
        let outcome = launch(&s, &other, &[]).await;
        assert!(outcome.error.0 == "Fault.InvalidInput" && outcome.error.1.contains("agreed to"), "{:?}", outcome.error);
        assert_eq!(look(&s, 6).await, World::AsBefore);
    });
}

#[test]
fn twenty_companies_are_a_full_mesh() {
    virtually(async {
        let request = companies(&[1; 20]);
        let s = gathered(&request).await;
        let outcome = launch(&s, &request, &[]).await;
        assert_eq!(outcome.output["status"], "launched", "{:?}\n{}", outcome.error, story(&s));
        let now = s.cloud.now_ms();
        assert_eq!(s.cloud.world().peerings.values().filter(|p| p.state(now) == "active").count(), 190);
        assert_eq!(look(&s, 20).await, World::AsAsked);
    });
}
