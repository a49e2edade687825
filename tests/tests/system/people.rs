//! What a person reads: both languages, a failure with its place and its remedy, the price of what is kept, and a doctor who finds
//! what was planted.

use consortium::artefacts::Artefacts;
use consortium::lang::{Lang, PHASES};
use consortium::out::{Said, as_lines};
use consortium::session::Session;
use consortium::work::{Options, Work};
use domain::ids;
use proof::{companies, launch, request, said, session, virtually};
use serde_json::{Value, json};

fn options(faults: &[&str], json: bool) -> Options {
    Options { json, faults: faults.iter().map(|f| f.to_string()).collect() }
}

fn launching(faults: &[&str], json: bool) -> Work {
    Work::Launch { request: request(4), plan: false, options: options(faults, json) }
}

fn doctor(network: &str) -> Work {
    Work::Doctor { network: Some(network.into()), before: vec![], json: true }
}

/// The checks of a doctor that are not ok, by name, with their details and remedies.
async fn wrong(s: &Session, exit: u8) -> Vec<(String, String)> {
    let (code, said) = said(s, Lang::En, doctor("testnet")).await;
    let text = as_lines(&said);
    assert_eq!(code, exit, "{text}");
    let checks: Vec<Value> = serde_json::from_str(&text).expect("one JSON list");
    assert!(checks.iter().all(|c| c["ok"] == json!(c["remedy"] == "")), "a remedy for what is wrong, and only for that: {text}");
    let word = |c: &Value, k: &str| c[k].as_str().unwrap_or_default().to_string();
    checks.iter().filter(|c| c["ok"] == false).map(|c| (word(c, "check"), word(c, "detail"))).collect()
}

fn chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c))
}

#[test]
fn a_launch_speaks_one_language() {
    let told = |lang| {
        virtually(async move {
            let s = session(1, &Artefacts::default()).await;
            let (code, launch) = said(&s, lang, launching(&[], false)).await;
            let (_, status) = said(&s, lang, Work::Status { network: "testnet".into(), json: false }).await;
            let (_, checks) = said(&s, lang, Work::Doctor { network: None, before: vec![], json: false }).await;
            assert_eq!(code, 0);
            (launch.iter().filter(|s| matches!(s, Said::Phase { .. })).count(), [launch, status, checks].concat())
        })
    };
    let ((english, e), (phases, z)) = (told(Lang::En), told(Lang::Zh));
    let (e, z) = (as_lines(&e), as_lines(&z));
    assert!(english == phases && phases > 10, "{english} {phases}");
    assert!(!chinese(&e), "{e}");
    // Words that are the same in both languages name resources.
    let english: Vec<&str> =
        PHASES.iter().map(|(_, _, en, _)| *en).chain(["validators", "ruled by", "leftovers", "height", "a month", "yes", "WRONG"]).collect();
    let stray = z.lines().find(|line| english.iter().any(|w| line.contains(w)));
    assert_eq!(stray, None);
    assert_eq!(e.lines().count(), z.lines().count());
}

#[test]
fn a_failure_says_where_on_which_node_and_what_to_do() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let (code, text) = said(&s, Lang::En, launching(&["node2:vote=mute"], false)).await;
        let text = as_lines(&text);
        assert_eq!(code, 1, "{text}");
        for part in ["Fault.Internal: 3 of 4", "failed in: recording the launch", "node      node2", "execution testnet-launch-", "what to do: read"] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    });
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let (code, text) = said(&s, Lang::Zh, launching(&["node1:pull=fail"], true)).await;
        let answer: Value = serde_json::from_str(&as_lines(&text)).expect("one JSON object");
        let error = &answer["error"];
        assert_eq!((code, &error["name"], &error["node"], &error["state"]), (1, &json!("Fault.NotFound"), &json!("node1"), &json!("PrepareNodes")));
        assert!(["phase", "todo"].iter().all(|k| error[*k].as_str().is_some_and(chinese)), "{error}");
        assert!(error["execution"].as_str().is_some_and(|e| e.starts_with("testnet-launch-")) && error["message"].as_str().is_some(), "{error}");
    });
}

#[test]
fn what_is_kept_is_listed_with_its_price_and_its_reason() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        for function in s.cloud.world().functions.values_mut() {
            function.environment.entry("ALLOW_IDENTITY_REMOVAL".into()).and_modify(|v| *v = "false".into());
        }
        let remove = |keep_data| Work::Remove { network: "testnet".into(), keep_data, options: options(&[], false) };
        let (code, text) = said(&s, Lang::En, remove(true)).await;
        let text = as_lines(&text);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("kept as asked, 4 data volumes, $32.00 a month:"), "{text}");
        assert!(text.contains("5 identity volumes, $0.40 a month") && text.contains("AllowIdentityRemoval is not true"), "{text}");
        assert_eq!(text.lines().filter(|l| l.contains("100 GB in us-east-1") && l.contains("$8.00 a month")).count(), 4, "{text}");
        assert!(text.contains("to delete them later: consortium remove testnet") && text.contains("leftovers: none"), "{text}");
        assert_eq!(wrong(&s, 0).await, []);
        // Whoever looks later is told the same: kept, not left.
        let (code, status) = said(&s, Lang::En, Work::Status { network: "testnet".into(), json: false }).await;
        let status = as_lines(&status);
        assert!(code == 0 && status.contains("kept as asked, 4 data volumes, $32.00 a month:") && status.contains("leftovers: none"), "{status}");
        let (_, status) = said(&s, Lang::En, Work::Status { network: "testnet".into(), json: true }).await;
        let status: Value = serde_json::from_str(&as_lines(&status)).expect("one JSON object");
        assert_eq!((&status["left"], status["kept"].as_array().map(Vec::len), &status["kept"][0]["monthly"]), (&json!([]), Some(9), &json!(8.0)));
        // Later, as it says.
        let (_, later) = said(&s, Lang::En, remove(false)).await;
        assert!(!as_lines(&later).contains("data volumes"), "{later:?}");
        assert_eq!(s.cloud.world().volumes.len(), 5);
    });
}

#[test]
fn the_status_shows_companies_and_how_they_are_joined() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let request = companies(&[4, 2, 2]);
        said(&s, Lang::En, Work::Launch { request, plan: false, options: options(&[], true) }).await;
        let status = |json| Work::Status { network: "testnet".into(), json };
        let (code, text) = said(&s, Lang::En, status(false)).await;
        let text = as_lines(&text);
        assert_eq!(code, 0, "{text}");
        let has = |text: &str, start: &str, end: &str| text.lines().any(|l| l.starts_with(start) && l.ends_with(end));
        assert!(has(&text, "company01        222200000001  eu-west-1", "joined") && has(&text, "peerings: 3 of 3 active", ""), "{text}");
        assert!(has(&text, "node4    company01", "yes") && text.contains("    100 "), "{text}");

        let peering = s.cloud.world().peerings.keys().next().expect("a peering").clone();
        s.cloud.world().peerings.get_mut(&peering).expect("it").deleted_ms = s.cloud.now_ms();
        s.revoke("company02").await.expect("revoked");
        let (_, text) = said(&s, Lang::Zh, status(false)).await;
        let text = as_lines(&text);
        assert!(
            has(&text, "company02", "已撤回")
                && has(&text, "对等连接：3 条，其中 2 条已激活", "")
                && has(&text, "  founder - ", &format!("：deleted {peering}")),
            "{text}"
        );
        let (_, text) = said(&s, Lang::En, status(true)).await;
        let found: Value = serde_json::from_str(&as_lines(&text)).expect("one JSON object");
        assert_eq!([&found["members"][0]["state"], &found["members"][2]["state"]], ["joined", "revoked"]);
        assert_eq!([&found["peerings"]["wanted"], &found["peerings"]["active"]], [3, 2]);
        assert_eq!([&found["peerings"]["others"][0]["id"], &found["peerings"]["others"][0]["state"]], [peering.as_str(), "deleted"]);
        assert_eq!((&found["nodes"][4]["member"], &found["nodes"][4]["power"]), (&json!("company01"), &json!(100)));
    });
}

/// Something wrong, planted in a launched world.
type Plant = fn(&Session);

fn hub(s: &Session) -> String {
    s.outputs["HubBucket"].clone()
}

fn node(s: &Session, name: &str) -> String {
    let world = s.cloud.world();
    world.instances.values().find(|i| i.tags.get(ids::TAG_NODE).is_some_and(|n| n == name)).expect("a node").id.clone()
}

const PLANTS: [(&str, &str, Plant); 10] = [
    ("volumes", "node3: vol-", |s| {
        let id = node(s, "node3");
        s.cloud.world().volumes.retain(|_, v| v.attached_to != id || v.device != "/dev/sdf");
    }),
    ("manifest's hash chain", "revision 2 does not name the hash of revision 1", |s| {
        let key = ids::manifest_key("testnet", 1);
        let mut world = s.cloud.world();
        let object = world.buckets.get_mut(&hub(s)).and_then(|b| b.objects.get_mut(&key)).expect("revision 1");
        object.text = object.text.replace("\"epoch\":1", "\"epoch\":7");
    }),
    ("manifest's hash chain", "revision 1 is missing", |s| {
        s.cloud.world().buckets.get_mut(&hub(s)).expect("hub").objects.remove(&ids::manifest_key("testnet", 1));
    }),
    ("lock", "held by testnet-launch-dead, which is gone", |s| {
        let lock = domain::manifest::Lock { epoch: 9, execution: "testnet-launch-dead".into(), execution_arn: "arn:dead".into() };
        s.cloud.put_artefact(&hub(s), &ids::lock_key("testnet"), &json!(lock).to_string()).expect("writes");
    }),
    ("ports", "opens 26656-26656 to 0.0.0.0/0", |s| {
        let mut world = s.cloud.world();
        let mut rule = world.of_kind("AWS::EC2::SecurityGroupIngress").next().expect("the peers' rule").clone();
        rule.id = "sgr-planted".into();
        rule.properties = json!({"GroupId": rule.properties["GroupId"], "IpProtocol": "tcp", "FromPort": 26656, "ToPort": 26656, "CidrIp": "0.0.0.0/0"});
        world.plain.insert(rule.id.clone(), rule);
    }),
    ("votes", "node2 does not sign", |s| s.cloud.kill_process(&node(s, "node2"))),
    ("height", "it stands at", |s| ["node1", "node2"].iter().for_each(|n| s.cloud.kill_process(&node(s, n)))),
    ("one machine a node", "node1: ", |s| {
        let mut world = s.cloud.world();
        let mut twin = world.instances.values().find(|i| i.tags.get(ids::TAG_NODE).is_some_and(|n| n == "node1")).expect("node1").clone();
        twin.id = "i-twin".into();
        world.instances.insert(twin.id.clone(), twin);
    }),
    ("agents", "the agent of i-", |s| drop(s.cloud.world().sabotage.insert("node0:ssm".into(), "never".into()))),
    ("stacks", "gone from its stack: PeerPort", |s| s.cloud.world().plain.retain(|_, p| p.kind != "AWS::EC2::SecurityGroupIngress")),
];

#[test]
fn the_doctor_finds_nothing_on_a_launched_network_and_each_thing_that_was_planted() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        assert_eq!(wrong(&s, 0).await, []);
        let (code, refused) = said(&s, Lang::En, doctor("othernet")).await;
        assert!(code == 1 && as_lines(&refused).contains("no network `othernet`"), "{refused:?}");
    });
    for (check, detail, plant) in PLANTS {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            launch(&s, &request(4), &[]).await;
            plant(&s);
            let found = wrong(&s, 1).await;
            assert!(found.iter().any(|(c, d)| c == check && d.contains(detail)), "{check}: {found:?}");
        });
    }
}
