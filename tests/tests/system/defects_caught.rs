//! More defects on purpose, of the machines and of what is said on the wire: the campaigns, the nodes and the judge catch them.

use consortium::artefacts::Artefacts;
use domain::order::NodeOrder;
use local_cloud::Call;
use proof::campaign::{Case, Cut, End, Redrive, Workflow, prepare};
use proof::{World, change_orders, launch, look, request, session, virtually};
use serde_json::{Value, json};

/// The shipped stack with one machine changed.
fn with(machine: &str, change: impl Fn(&mut Value)) -> Artefacts {
    let mut artefacts = Artefacts::default();
    let before: Value = serde_json::from_str(&artefacts.machines[machine]).expect("json");
    let mut after = before.clone();
    change(&mut after["States"]);
    assert_ne!(before, after, "{machine} has what the defect takes away");
    artefacts.machines.insert(machine.into(), after.to_string());
    artefacts
}

/// How a launch ends in a defective stack, under faults or cut.
fn ends(artefacts: &Artefacts, faults: &[&str], cut: Option<Cut>) -> (End, String) {
    let workflow = &Workflow::LAUNCH;
    let prepared = prepare(workflow, 1, artefacts);
    let faults = faults.iter().map(|f| f.to_string()).collect();
    let verdict = Case { workflow, prepared: &prepared, artefacts, faults, cut }.run().verdict;
    (verdict.end, verdict.why)
}

/// Takes a Retry's rules for some errors away.
fn forget_retry(state: &mut Value, error: &str) {
    for rules in state["Retry"].as_array_mut().into_iter() {
        rules.retain(|r| !r["ErrorEquals"].as_array().is_some_and(|e| e.iter().any(|e| e == error)));
    }
}

const THROTTLED: [&str; 3] = ["SendCommand#1=ThrottlingException", "SendCommand#2=ThrottlingException", "SendCommand#3=ThrottlingException"];

#[test]
fn a_removed_retry_is_caught_by_a_fault_that_passes() {
    assert_eq!(ends(&Artefacts::default(), &THROTTLED, None).0, End::AsAsked);
    let defective = with("run-node-command", |states| forget_retry(&mut states["SendCommand"], "Fault.Throttled"));
    assert_eq!(ends(&defective, &THROTTLED, None).0, End::AsBefore, "a passing fault must end as asked");
}

#[test]
fn a_removed_retry_of_a_child_is_caught_by_a_lost_start() {
    // The first child that a launch starts makes its nodes.
    let lost = ["StartExecution#1=lost"];
    assert_eq!(ends(&Artefacts::default(), &lost, None).0, End::AsAsked);
    let defective = with("launch-network", |states| forget_retry(&mut states["MakeNodes"], "StepFunctions.SdkClientException"));
    assert_ne!(ends(&defective, &lost, None).0, End::AsAsked, "a passing fault must end as asked");
}

#[test]
fn a_forgotten_settlement_is_caught_by_stopping() {
    let cut = Cut {
        machine: "make-nodes".into(),
        state: "WaitForBoot".into(),
        end: ("TIMED_OUT", "States.Timeout", "the execution's own time-out"),
        whole: true,
        redrive: Redrive::Never,
    };
    assert_eq!(ends(&Artefacts::default(), &[], Some(cut.clone())).0, End::AsBefore);
    let mut defective = Artefacts::default();
    defective.hub = defective.hub.replacen("status: [FAILED, TIMED_OUT, ABORTED]", "status: [FAILED, ABORTED]", 1);
    let (end, why) = ends(&defective, &[], Some(cut));
    assert!(end == End::Violated && why.contains("plan.json is left, and nobody said so"), "{why}");
}

#[test]
fn a_lock_that_is_not_released_is_caught_by_the_judge() {
    let defective = with("launch-network", |states| states["IsLaunchComplete"]["Choices"][0]["Next"] = json!("NetworkLaunched"));
    let (end, why) = ends(&defective, &[], None);
    assert!(end == End::Violated && why.contains("lock"), "{end:?} {why}");
}

#[test]
fn forgotten_objects_are_caught_by_the_judge() {
    let defective = with("remove-resources", |states| {
        states["RemoveExchange"] = json!({"Type": "Pass", "Output": {}, "Next": "AreMembersDone", "Comment": "${RemoveExchange}"});
    });
    let (end, why) = ends(&defective, &["node3:pull=fail"], None);
    assert!(end == End::Violated && why.contains("s3://") && why.contains("is left"), "{end:?} {why}");
}

/// Changes every order that a node is sent.
fn reorder(call: &mut Call, change: impl Fn(&mut NodeOrder)) {
    if call.action == "SendCommand" {
        change_orders(&mut call.params["Parameters"], change);
    }
}

/// A launch whose calls are changed on their way, and with what error it ended.
fn changed(defect: fn(&mut Call)) -> (World, String) {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        s.cloud.tamper(Box::new(defect));
        let outcome = launch(&s, &request(4), &[]).await;
        (look(&s, 4).await, format!("{} {}", outcome.error.0, outcome.error.1))
    })
}

#[test]
fn an_order_of_an_older_epoch_is_caught_by_the_node() {
    let (world, error) = changed(|call| reorder(call, |o| o.epoch -= u64::from(o.verb == "start")));
    assert!(world == World::AsBefore && error.starts_with("Fault.Conflict") && error.contains("epoch"), "{world:?} {error}");
}

#[test]
fn another_genesis_hash_is_caught_by_the_node() {
    let (world, error) = changed(|call| {
        reorder(call, |o| {
            if o.verb == "check-genesis" {
                o.params["genesis_sha256"] = json!("0".repeat(64));
            }
        })
    });
    assert!(world == World::AsBefore && error.contains("node"), "{world:?} {error}");
}

#[test]
fn another_genesis_under_the_same_hash_is_caught_by_the_node() {
    let (world, error) = changed(|call| {
        let is_it = call.action == "PutObject"
            && call.params["Key"].as_str().is_some_and(|k| k.contains("/genesis-") || k.ends_with("genesis.json") && !k.contains("base"));
        if let (true, Some(body)) = (is_it, call.params["Body"].as_str()) {
            call.params["Body"] = json!(body.replacen("\"chain_id\"", "\"chain_id\" ", 1));
        }
    });
    assert!(world == World::AsBefore && error.contains("genesis"), "{world:?} {error}");
}

/// Two launches of one network at the same moment; whether one of them found that what it held was not its own.
fn lost_its_lock(seed: u64, conditional: bool) -> bool {
    virtually(async {
        let s = session(seed, &Artefacts::default()).await;
        if !conditional {
            s.cloud.tamper(Box::new(|call| {
                let is_lock = call.params["Key"].as_str().is_some_and(|k| k.ends_with("/lock.json"));
                if let (true, "PutObject", Some(p)) = (is_lock, call.action.as_str(), call.params.as_object_mut()) {
                    p.extend([("IfNoneMatch".into(), json!("")), ("IfMatch".into(), json!(""))]);
                }
            }));
        }
        for name in ["testnet-launch-a", "testnet-launch-b"] {
            s.cloud.start(&s.outputs["LaunchNetwork"], name, json!({"request": request(4)})).expect("starts");
        }
        s.cloud.idle().await;
        let world = s.cloud.world();
        world.executions.values().any(|e| e.cause.contains("does not hold the lock"))
    })
}

#[test]
fn a_condition_that_is_dropped_is_caught_by_two_launches_at_once() {
    // Of these seeds' latencies one lets both read the lock before either writes it.
    let seed = (61..=140).find(|seed| lost_its_lock(*seed, false)).expect("the second one's first hold says whose the lock is");
    assert!(!lost_its_lock(seed, true));
}
