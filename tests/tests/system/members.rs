//! Several companies: each in its own account, joined by invitation, peered, and launched or undone together.

use consortium::artefacts::Artefacts;
use consortium::report;
use consortium::session::{ACCOUNT, Session};
use proof::{World, companies, gather, launch, look, session, story, virtually};
use serde_json::{Value, json};

/// A world in which every company of a request has joined.
pub(crate) async fn gathered(request: &Value) -> Session {
    let s = session(1, &Artefacts::default()).await;
    gather(&s, request).await;
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

const OTHER: &str = "222200000001";

/// Takes away what peering made.
mod cut {
    use super::*;

    fn plain(world: &mut local_cloud::World, kind: &str, account: &str, field: &str, text: &str) {
        let fits = |p: &local_cloud::world::Plain| p.kind == kind && p.account == account && p.properties[field].as_str().is_some_and(|v| v.contains(text));
        let before = world.plain.len();
        world.plain.retain(|_, p| !fits(p));
        assert!(world.plain.len() < before, "there is a {kind} of {account} to {text}");
    }
    pub fn own_route(w: &mut local_cloud::World) {
        plain(w, "AWS::EC2::Route", OTHER, "DestinationCidrBlock", "10.64.0.0");
    }

    pub fn other_route(w: &mut local_cloud::World) {
        plain(w, "AWS::EC2::Route", ACCOUNT, "DestinationCidrBlock", "10.64.16.0");
    }

    pub fn acceptance(w: &mut local_cloud::World) {
        w.peerings.values_mut().for_each(|p| p.accepted_ms = 0);
    }

    /// Who may come in to the company.
    pub fn own_rule(w: &mut local_cloud::World) {
        plain(w, "AWS::EC2::SecurityGroupIngress", OTHER, "CidrIp", "10.64.0.0");
    }

    /// Whom the others let in of the company.
    pub fn other_rule(w: &mut local_cloud::World) {
        plain(w, "AWS::EC2::SecurityGroupIngress", ACCOUNT, "CidrIp", "10.64.16.0");
    }

    pub fn both_rules(w: &mut local_cloud::World) {
        own_rule(w);
        other_rule(w);
    }
}

/// Each of these parts a running company from the others. A packet needs the way there and back, so one route is enough. A rule of a
/// group is asked when a connection is opened, and every node dials every other one: one side's rule that is gone leaves the
/// connection that is opened from the other side, on which blocks go both ways. Only without both there is none.
const CUTS: [Cut; 4] = [
    ("its own route", cut::own_route),
    ("the other side's route", cut::other_route),
    ("the acceptance", cut::acceptance),
    ("the rules of both sides", cut::both_rules),
];
/// These do not part a company that runs.
const HALVES: [Cut; 2] = [("its own rule", cut::own_rule), ("the other side's rule", cut::other_rule)];

#[test]
fn without_a_route_the_acceptance_or_both_rules_a_company_does_not_sync() {
    for (what, cut) in CUTS {
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
fn one_rule_that_is_gone_parts_no_company_that_runs() {
    for (what, cut) in HALVES {
        virtually(async {
            let request = companies(&[4, 1]);
            let s = gathered(&request).await;
            launch(&s, &request, &[]).await;
            cut(&mut s.cloud.world());
            assert_eq!(look(&s, 5).await, World::AsAsked, "{what}");
        });
    }
}

/// A launch is stricter than a chain that runs: `prepare` has every node open the connection itself, so that each single part that is
/// missing on either side is found before there is a chain.
#[test]
fn a_launch_without_any_single_part_of_the_way_is_undone_and_says_which_way() {
    for (what, cut) in CUTS.into_iter().chain(HALVES) {
        virtually(async {
            let request = companies(&[4, 1]);
            let s = gathered(&request).await;
            let (cloud, done) = (s.cloud.clone(), std::sync::atomic::AtomicBool::new(false));
            let outcome = s.launch(&request, "testnet", |_, state, _| {
                if state == "HoldCeremony" && !done.swap(true, std::sync::atomic::Ordering::Relaxed) {
                    cut(&mut cloud.world());
                }
            });
            let outcome = outcome.await.expect("starts");
            assert!(outcome.error.1.contains("no way to node") && outcome.error.1.contains("look at the peering"), "{what}: {:?}", outcome.error);
            if matches!(look(&s, 5).await, World::Wrong(left) if what.contains("rule") && left.starts_with("left: rtb-")) {
                // Without its rule whoever was asked cannot tell its route from another's; it leads nowhere now, and the next removal takes it.
                s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
            }
            assert_eq!(look(&s, 5).await, World::AsBefore, "{what}\n{}", story(&s));
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

/// A route in the founder's table to the other company's range, over a peering.
fn plant_route(s: &Session, peering: &str) -> String {
    let mut world = s.cloud.world();
    let table = world.of_kind("AWS::EC2::RouteTable").find(|t| t.account == ACCOUNT).expect("a table").clone();
    let properties = json!({"RouteTableId": table.id, "DestinationCidrBlock": "10.64.16.0/20", "VpcPeeringConnectionId": peering});
    let route = local_cloud::world::Plain { id: "route-planted".into(), kind: "AWS::EC2::Route".into(), properties, ..table.clone() };
    world.plain.insert(route.id.clone(), route);
    format!("{}/10.64.16.0/20", table.id)
}

#[test]
fn a_route_that_leads_nowhere_is_left_and_the_next_removal_takes_it_away() {
    virtually(async {
        let request = companies(&[4, 1]);
        let s = gathered(&request).await;
        launch(&s, &request, &[]).await;
        assert_eq!(look(&s, 5).await, World::AsAsked);
        let peering = s.cloud.world().peerings.keys().next().expect("a peering").clone();
        s.cloud.world().peerings.get_mut(&peering).expect("it").deleted_ms = s.cloud.now_ms();
        let dead = report::left(&s.cloud, "testnet").iter().map(report::Left::to_string).collect::<Vec<_>>();
        assert!(dead.len() == 2 && dead.iter().all(|r| r.starts_with("rtb-")), "the route of each side: {dead:?}");
        s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        assert_eq!(look(&s, 5).await, World::AsBefore);
        // Over a peering that EC2 still shows as deleted, and over one that it has forgotten.
        for wait in [0, 3 * 3_600] {
            tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
            let route = plant_route(&s, &peering);
            s.cloud.settle();
            assert_eq!(s.cloud.world().peerings.contains_key(&peering), wait == 0);
            assert_eq!(report::left(&s.cloud, "testnet"), [report::Left::Thing(route.clone())]);
            let removal = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
            assert_eq!(removal.output["status"], "removed", "{:?}", removal.error);
            assert_eq!(look(&s, 5).await, World::AsBefore, "{route}");
        }
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
fn more_requests_than_ec2_takes_at_once_are_made_in_portions() {
    virtually(async {
        let request = companies(&[1; 5]);
        let s = gathered(&request).await;
        // The founder asks the four others; two requests may be unanswered at a time.
        let outstanding = format!("{ACCOUNT}/us-east-1/vpc/L-DC9F7029");
        s.cloud.world().quotas.insert(outstanding.clone(), 2.0);
        let outcome = launch(&s, &request, &[]).await;
        assert_eq!(outcome.output["status"], "launched", "{:?}\n{}", outcome.error, story(&s));
        let (now, calls) = (s.cloud.now_ms(), s.cloud.world().calls["ec2:CreateVpcPeeringConnection"]);
        assert_eq!(s.cloud.world().peerings.values().filter(|p| p.state(now) == "active").count(), 10);
        let asked = |name: &str| s.cloud.world().executions.values().flat_map(|e| e.states.clone()).filter(|(_, state)| state == name).count() as u64;
        let turns = asked("EnsurePeerings");
        assert!(turns > 1 && turns == asked("WaitForAnswers") + 1, "{turns} turns");
        assert!((11..10 + turns).contains(&calls), "one request too many in each turn but the last, by the founder alone: {calls} in {turns} turns");
        s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        // Where somebody else's requests fill the account there is nothing to wait for.
        s.cloud.world().quotas.insert(outstanding, 0.0);
        let outcome = launch(&s, &request, &[]).await;
        assert!(outcome.error.0 == "Fault.Quota" && outcome.error.1.contains("PendingVpcPeeringConnectionLimitExceeded"), "{:?}", outcome.error);
        assert_eq!(look(&s, 5).await, World::AsBefore);
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
