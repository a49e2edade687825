//! Executions that no Catch can see the end of: stopped anywhere, they are settled.

use consortium::artefacts::Artefacts;
use consortium::session::{Place, Session};
use local_cloud::Caller;
use proof::{World, change_orders, launch, look, request, session, story, virtually, whole};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Names of the states that a launch enters, in order.
fn states_of_a_launch() -> Vec<String> {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let outcome = launch(&s, &request(4), &[]).await;
        let world = s.cloud.world();
        let e = world.executions.values().find(|e| e.name == outcome.execution).expect("ran");
        // In the last one it has ended already.
        e.states.iter().map(|(_, n)| n.clone()).filter(|n| n != "NetworkLaunched").collect()
    })
}

#[test]
fn a_launch_stopped_at_any_state_is_settled() {
    for stop_at in states_of_a_launch() {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            let cloud = s.cloud.clone();
            let stopped = AtomicU64::new(0);
            let outcome = s
                .launch(&request(4), "testnet", |execution, state, _| {
                    if state == stop_at && stopped.swap(1, Ordering::Relaxed) == 0 {
                        let arn = whole(&cloud, execution);
                        cloud.stop(&arn, "ABORTED", "Stopped", "a person stopped it");
                    }
                })
                .await
                .expect("starts");
            assert_eq!(outcome.status, "ABORTED", "{stop_at}");
            let world = look(&s, 4).await;
            // Stopped after the record was written, the network is launched; before, nothing of it may be left.
            let launched = ["IsLaunchComplete", "ReleaseLock"].contains(&stop_at.as_str());
            assert_eq!(world, if launched { World::AsAsked } else { World::AsBefore }, "stopped at {stop_at}\n{}", story(&s));
        });
    }
}

#[test]
fn a_world_whose_process_died_is_settled_by_the_next_command() {
    let folder = std::env::temp_dir().join(format!("consortium-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let file = folder.join("world.json");
    virtually(async {
        let s = Session::open(None, 1, Some(file.clone()), &Place::default()).await.expect("opens");
        // The process "dies" here: the future is dropped half-way and with it the runtime.
        let asked = request(4);
        let dead = s.launch(&asked, "testnet", |_, _, _| {});
        let _ = tokio::time::timeout(std::time::Duration::from_secs(80), dead).await;
        s.cloud.save().expect("saves");
    });
    let world = serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("a world");
    virtually(async {
        let s = Session::open(Some(world), 1, Some(file.clone()), &Place::default()).await.expect("opens");
        assert_eq!(look(&s, 4).await, World::AsBefore, "{}", story(&s));
        let told = s.cloud.world().notices.clone();
        assert!(told.iter().any(|(_, subject, _)| subject.contains("settled")), "{told:?}");
        let outcome = launch(&s, &request(4), &[]).await;
        assert_eq!(outcome.output["status"], json!("launched"), "{:?}", outcome.error);
    });
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Stops the first execution of a launch when it enters a state.
async fn stopped_at(s: &Session, state: &str) {
    let cloud = s.cloud.clone();
    let asked = request(4);
    let outcome = s.launch(&asked, "testnet", |execution, entered, _| {
        if entered == state {
            let arn = whole(&cloud, execution);
            cloud.stop(&arn, "ABORTED", "Stopped", "a person stopped it");
        }
    });
    assert_eq!(outcome.await.expect("starts").status, "ABORTED", "{state}");
}

#[test]
fn a_second_launch_that_is_stopped_leaves_the_network_launched() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        stopped_at(&s, "ReleaseUnusedLock").await;
        assert_eq!(look(&s, 4).await, World::AsAsked, "{}", story(&s));
        assert_eq!(launch(&s, &request(4), &[]).await.output["status"], json!("already-launched"));
    });
}

#[test]
fn a_launch_beside_what_nobody_settled_removes_it_first() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        // Without the rule nobody settles; the next launch takes the dead one's lock and finds its record.
        s.cloud.world().plain.retain(|_, p| p.kind != "AWS::Events::Rule");
        stopped_at(&s, "WaitForBoot").await;
        assert!(matches!(look(&s, 4).await, World::Wrong(_)));
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        let outcome = launch(&s, &request(4), &[]).await;
        assert_eq!(look(&s, 4).await, World::AsAsked, "{:?}\n{}", outcome.error, story(&s));
    });
}

#[test]
fn a_removal_stopped_at_any_state_is_finished() {
    let states = virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(4), &[]).await;
        let outcome = s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        let world = s.cloud.world();
        let e = world.executions.values().find(|e| e.name == outcome.execution).expect("ran");
        e.states.iter().map(|(_, n)| n.clone()).filter(|n| n != "NetworkRemoved").collect::<Vec<_>>()
    });
    assert!(states.contains(&"RemoveResources".to_string()), "{states:?}");
    for stop_at in states {
        virtually(async {
            let s = session(1, &Artefacts::default()).await;
            launch(&s, &request(4), &[]).await;
            let cloud = s.cloud.clone();
            let stopped = s.remove("testnet", false, |execution, state, _| {
                let found = cloud.world().executions.values().find(|e| e.name == execution).map(|e| e.arn.clone());
                // The run that settles has states of the same names.
                let found = found.filter(|_| state == stop_at && !execution.starts_with("settle-"));
                found.iter().for_each(|arn| cloud.stop(arn, "ABORTED", "Stopped", "a person stopped it"));
            });
            stopped.await.expect("starts");
            // Before the lock was its own the removal had done nothing, so there is nothing to finish.
            let untouched = ["RememberRequest", "AcquireLock"].contains(&stop_at.as_str());
            assert_eq!(look(&s, 4).await, if untouched { World::AsAsked } else { World::AsBefore }, "stopped at {stop_at}\n{}", story(&s));
        });
    }
}

/// Commands that reach the service while `work` runs, as they were sent.
async fn commands_of<T>(s: &Session, work: impl Future<Output = T>) -> (T, Vec<Value>) {
    let sent: Arc<Mutex<Vec<Value>>> = Arc::default();
    let list = sent.clone();
    s.cloud.tamper(Box::new(move |call| {
        if call.action == "SendCommand" {
            list.lock().expect("unpoisoned").push(call.params.clone());
        }
    }));
    let done = work.await;
    s.cloud.tamper(Box::new(|_| {}));
    let sent = sent.lock().expect("unpoisoned").clone();
    (done, sent)
}

/// The same command for other machines: its order speaks of them as if it had meant them.
fn redirect(command: &Value, names: &BTreeMap<String, String>) -> Value {
    let mut command = command.clone();
    change_orders(&mut command["Parameters"], |order| order.nodes.iter_mut().for_each(|n| n.instance = names[&n.name].clone()));
    command["InstanceIds"] = json!(names.values().collect::<Vec<_>>());
    command
}

#[test]
fn late_commands_of_a_dead_launch_do_nothing_to_its_successor() {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        let (cloud, asked) = (s.cloud.clone(), request(4));
        let dead = s.launch(&asked, "testnet", |execution, state, _| {
            if state == "WaitForCommand" && execution.ends_with("-blocks") {
                cloud.stop(&whole(&cloud, execution), "ABORTED", "Stopped", "a person stopped it");
            }
        });
        let (outcome, late) = commands_of(&s, dead).await;
        assert_eq!(outcome.expect("starts").status, "ABORTED");
        assert_eq!(look(&s, 4).await, World::AsBefore);
        assert_eq!(launch(&s, &request(4), &[]).await.output["status"], json!("launched"));
        let (names, role) = {
            let world = s.cloud.world();
            let alive = world.instances.values().filter(|i| i.state(s.cloud.now_ms()) == "running");
            let names: BTreeMap<String, String> = alive.map(|i| (i.tags["consortium:node"].clone(), i.id.clone())).collect();
            (names, world.roles.keys().find(|r| r.contains("SendCommandRole")).cloned().expect("the role"))
        };
        assert!(names.len() == 4 && late.len() >= 6, "{names:?} {}", late.len());
        let before = s.cloud.world().commands.len();
        let caller = Caller::new(&s.cloud, &role, "us-east-1");
        for command in late.iter().map(|c| redirect(c, &names)) {
            let (status, answer) = caller.json("ssm", "AmazonSSM.SendCommand", command).await;
            assert_eq!(status, 200, "{answer}");
        }
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        let answers: Vec<String> = {
            let world = s.cloud.world();
            let mut commands: Vec<_> = world.commands.values().collect();
            commands.sort_by_key(|c| c.sent_ms);
            commands.iter().skip(before).flat_map(|c| c.invocations.values().map(|i| i.output.clone())).collect()
        };
        assert_eq!(answers.len(), 4 * late.len());
        // The first order of all names the dead launch's disks, so that it never gets as far as its epoch.
        let (disks, epochs): (Vec<&String>, Vec<&String>) = answers.iter().partition(|a| a.contains("is not attached to this machine"));
        assert!(disks.len() == 4 && epochs.iter().all(|a| a.contains("Conflict") && a.contains("epoch 1 of")), "{answers:#?}");
        assert_eq!(look(&s, 4).await, World::AsAsked, "{}", story(&s));
    });
}
