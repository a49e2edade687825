//! Defects on purpose: each must be caught, by the check that is named beside it.

use consortium::artefacts::Artefacts;
use proof::{World, launch, look, request, session, virtually};
use serde_json::{Value, json};

/// A launch with defective artefacts or calls, and what the checker says.
fn caught(artefacts: &Artefacts, faults: &[&str], tamper: Option<fn(&mut local_cloud::Call)>) -> (World, String) {
    virtually(async {
        let s = session(1, artefacts).await;
        if let Some(defect) = tamper {
            s.cloud.tamper(Box::new(defect));
        }
        let faults: Vec<String> = faults.iter().map(|f| f.to_string()).collect();
        let outcome = launch(&s, &request(4), &faults).await;
        (look(&s, 4).await, format!("{}: {}", outcome.error.0, outcome.error.1))
    })
}

#[test]
fn a_dropped_client_token_is_caught_by_the_count_of_machines() {
    let (world, error) = caught(
        &Artefacts::default(),
        &["RunInstances#1=lost"],
        Some(|call| {
            if let (true, Some(p)) = (call.action == "RunInstances", call.params.as_object_mut()) {
                p.remove("ClientToken");
            }
        }),
    );
    // One machine too many: `ensure-names` counts them before anything runs on them.
    assert_eq!(world, World::AsBefore);
    assert!(error.contains(" machines of b") && error.contains("were made"), "{error}");
}

/// Drops a tag from whatever a call would tag at creation.
fn forget_tag(call: &mut local_cloud::Call, key: &str) {
    for spec in call.params.get_mut("TagSpecification").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(tags) = spec["Tag"].as_array_mut() {
            tags.retain(|t| t["Key"] != key);
        }
    }
}

#[test]
fn a_forgotten_execution_tag_is_caught_by_the_tag_check() {
    let (world, _) = caught(&Artefacts::default(), &[], Some(|call| forget_tag(call, "consortium:execution")));
    assert!(matches!(&world, World::Wrong(w) if w.contains("has no tag consortium:execution")), "{world:?}");
}

#[test]
fn a_forgotten_member_tag_is_refused_by_the_policy() {
    let (world, error) = caught(&Artefacts::default(), &[], Some(|call| forget_tag(call, "consortium:member")));
    assert_eq!(world, World::AsBefore);
    assert!(error.starts_with("Fault.Denied") && error.contains("ec2:RunInstances"), "{error}");
}

#[test]
fn a_removed_undo_is_caught_by_the_leftovers() {
    let mut artefacts = Artefacts::default();
    let text = &artefacts.machines["launch-network"];
    let mut machine: Value = serde_json::from_str(text).expect("json");
    machine["States"]["UndoResources"] = json!({"Type": "Pass", "Assign": {"removal": {"fault": null}}, "Output": {}, "Next": "AreResourcesRemoved"});
    let text = machine.to_string().replace("\"${RemoveResources}\"", "\"\"");
    artefacts.machines.insert("launch-network".into(), text);
    let (with, without) = (
        "        RunNodeCommand: !Ref RunNodeCommandMachine\n        RemoveResources: !Ref RemoveResourcesMachine\n",
        "        RunNodeCommand: !Ref RunNodeCommandMachine\n",
    );
    let hub = artefacts.hub.replacen(with, without, 1);
    assert_ne!(artefacts.hub, hub, "the substitution is in the template");
    artefacts.hub = hub;
    // What the launch forgets the settlement finds by the record.
    assert_eq!(caught(&artefacts, &["node3:pull=fail"], None).0, World::AsBefore);
    artefacts.hub = artefacts.hub.replacen("status: [FAILED, TIMED_OUT, ABORTED]", "status: [TIMED_OUT]", 1);
    let (world, _) = caught(&artefacts, &["node3:pull=fail"], None);
    assert!(matches!(&world, World::Wrong(w) if w.starts_with("left: i-")), "{world:?}");
}

#[test]
fn each_removed_policy_statement_is_caught_by_name() {
    // Statement by its Sid, and the action that is then refused.
    for (template, sid, action) in [
        ("member", "RunTagged", "ec2:RunInstances"),
        ("member", "TagAtCreation", "ec2:CreateTags"),
        ("member", "PassNodeRole", "iam:PassRole"),
        ("member", "EncryptVolumes", "kms:CreateGrant"),
        ("member", "NameNodeOnce", "ec2:CreateTags"),
        ("member", "OurNodes", "ssm:SendCommand"),
        ("member", "MarkStarted", "s3:PutObject"),
        ("hub", "WriteGenesis", "s3:PutObject"),
        ("hub", "AskMembers", "lambda:InvokeFunction"),
        ("hub", "Plan", "s3:PutObject"),
    ] {
        let mut artefacts = Artefacts::default();
        let text = if template == "hub" { &mut artefacts.hub } else { &mut artefacts.member };
        let defective = text.replacen(&format!("Sid: {sid}, Effect: Allow"), &format!("Sid: {sid}, Effect: Deny"), 1);
        let defective = defective.replacen(&format!("Sid: {sid}\n                Effect: Allow"), &format!("Sid: {sid}\n                Effect: Deny"), 1);
        assert_ne!(*text, defective, "{sid} is in the template");
        *text = defective;
        let (world, error) = caught(&artefacts, &[], None);
        assert!(error.contains(action) && error.contains("not authorized"), "{sid}: {error}");
        assert_ne!(world, World::AsAsked, "{sid}");
    }
}
