//! Bad luck on real processes: blocks go on, or the answer says truthfully why not.

use domain::Class;
use proof::real::{Real, fast_request, program, really};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn killed_paused_and_full_nodes_are_told_and_come_back() {
    really(async {
        let Some(real) = Real::launched("trouble", 124, &fast_request(4)).await else { return };
        let three_sign = |n: &consortium::report::NetworkReport| n.nodes.iter().filter(|n| n.signing).count() == 3;
        // One is killed: three go on, its supervisor starts it again, and status tells.
        let before = real.look().await.height;
        real.signal("node1", "KILL");
        real.until("three go on", 30, |n| n.height > before + 3).await;
        let found = real.all_sign(40).await;
        let told = &found.nodes[1].service;
        assert!(told.restarts == 1 && told.reason.contains("SIGKILL"), "{told:?}");

        // Two are killed: no quorum, the height stands; it grows again when they are back.
        real.signal("node0", "KILL");
        real.signal("node3", "KILL");
        real.all_sign(60).await;

        // Paused, as by a frozen machine: it does not sign, the process looks fine, and it signs again.
        real.signal("node2", "STOP");
        let paused = real.until("three sign", 60, three_sign).await;
        assert_eq!((paused.nodes[2].signing, paused.nodes[2].service.state.as_str()), (false, "running"));
        let fault = real.operate("stop", &["node0"], json!({})).await;
        assert!(fault.error.0 == "Fault.Conflict", "{:?}", fault.error);
        real.signal("node2", "CONT");
        real.all_sign(60).await;

        // Two orders at once: one nodectl at a time, and the same order is carried out once.
        let execution = real.look().await.manifest.execution;
        let order = real.order("restart-service", &execution, 1, json!({"expect_blocks": true}));
        let change = real.order("change-config", &execution, 1, json!({"config_toml": {"mempool.size": 6000}, "app_toml": {}, "expect_blocks": true}));
        let (a, b, c) = tokio::join!(real.carry_out("node1", &order), real.carry_out("node1", &order), real.carry_out("node1", &change));
        assert_eq!((&a.fault, &b.fault, &c.fault), (&None, &None, &None));
        assert_eq!(a, b, "the second is answered from the journal");

        // An order of an epoch that is over is refused, and changes nothing.
        let newer = real.order("restart-service", "testnet-other-execution", 7, json!({"expect_blocks": true}));
        assert_eq!(real.carry_out("node1", &newer).await.fault, None);
        let late = real.order("stop-service", &execution, 1, json!({"late": true}));
        let fault = real.carry_out("node1", &late).await.fault.expect("refused");
        assert!(fault.class == Class::Conflict && fault.message.contains("is over"), "{fault}");
        real.all_sign(30).await;
        disk_full(&real).await;
    });
}

/// A small file system in the place of a data volume, filled up: health says so, the others go on, and room brings it back.
async fn disk_full(real: &Real) {
    let execution = "testnet-other-execution";
    let small = real.folder.join("small");
    std::fs::create_dir_all(&small).expect("a folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(&small).status();
    if !mounted.is_ok_and(|s| s.success()) {
        assert!(std::env::var("CI").is_err(), "CI must be able to mount a tmpfs");
        eprintln!("SKIPPED: a full disk, since this user cannot mount a tmpfs");
        return;
    }
    let unmount = Unmount(small.clone());
    let order = |verb: &str, turn: u64, params: Value| {
        let mut params = params;
        params["turn"] = json!(turn);
        real.order(verb, execution, 9, params)
    };
    assert_eq!(real.carry_out("node2", &order("stop-service", 1, json!({}))).await.fault, None);
    let data = std::fs::read_link(real.place("node2", "data")).expect("mounted");
    let copied = Command::new("cp").arg("-a").arg(data.join("data")).arg(&small).status().expect("cp");
    assert!(copied.success());
    std::fs::rename(data.join("data"), data.join("data.before")).expect("moved");
    std::os::unix::fs::symlink(small.join("data"), data.join("data")).expect("linked");
    let start = |turn| order("start-service", turn, json!({"expect_blocks": true}));
    assert_eq!(real.carry_out("node2", &start(2)).await.fault, None);
    real.all_sign(30).await;
    // All the room that is left.
    let ballast = small.join("ballast");
    let filled = Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", ballast.display())).arg("bs=64k").stderr(std::process::Stdio::null()).status();
    assert!(filled.is_ok_and(|s| !s.success()), "the disk is full");
    let full = real.until("the full one stops signing", 90, |n| !n.nodes[2].signing && n.nodes.iter().filter(|n| n.signing).count() == 3).await;
    let before = full.height;
    real.until("three go on", 30, |n| n.height > before + 2).await;
    let fault = real.carry_out("node2", &start(3)).await.fault.expect("cannot come back");
    assert!(fault.message.contains("no space left on device"), "{fault}");
    std::fs::remove_file(&ballast).expect("removed");
    assert_eq!(real.carry_out("node2", &start(4)).await.fault, None);
    real.all_sign(60).await;
    assert_eq!(real.carry_out("node2", &order("stop-service", 5, json!({}))).await.fault, None);
    drop(unmount);
}

/// Unmounts when the test ends, also when it fails.
struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_launch_succeeds_although_nodectl_is_killed_in_every_verb() {
    really(async {
        // Run Command runs this in the place of nodectl: it kills the first two tries of every order at moments that the order's own
        // bytes choose, and lets the third one be.
        let folder = std::env::temp_dir().join(format!("consortium-killer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let killer = folder.join("nodectl");
        let (real_one, count) = (program("nodectl").display().to_string(), folder.join("kills").display().to_string());
        let script = format!(
            "#!/usr/bin/env bash\nif [ \"$1\" = order ]; then\n  sum=$(printf %s \"$*\" | cksum | cut -d' ' -f1)\n  \
             verb=$(printf %s \"$2\" | tr '_-' '/+' | base64 -d 2>/dev/null | grep -o '\"verb\":\"[a-z-]*\"')\n  \
             for most in 60 700; do\n    '{real_one}' \"$@\" >/dev/null 2>&1 </dev/null &\n    victim=$!\n    \
             sleep \"0.$(printf %03d $((sum % most)))\"\n    kill -9 $victim 2>/dev/null && echo \"$verb\" >>'{count}'\n    wait $victim 2>/dev/null\n  done\nfi\n\
             exec '{real_one}' \"$@\"\n"
        );
        std::fs::write(&killer, script).expect("written");
        std::fs::set_permissions(&killer, std::fs::Permissions::from_mode(0o755)).expect("executable");
        if let Some(real) = Real::open("killed", 125, &killer).await {
            let request = fast_request(4);
            let outcome = real.session.launch(&request, "testnet", |_, _, _| {}).await.expect("starts");
            assert_eq!(outcome.output["status"], "launched", "{:?}", outcome.error);
            let restarted = real.operate("restart", &[], json!({})).await;
            assert_eq!(restarted.status, "SUCCEEDED", "{:?}", restarted.error);
            real.all_sign(30).await;
            let changed = real.operate("change-config", &["node1"], json!({"config_toml": {"mempool.size": 6500}, "app_toml": {}})).await;
            assert_eq!(changed.status, "SUCCEEDED", "{:?}", changed.error);
            let kills = std::fs::read_to_string(&count).unwrap_or_default();
            eprintln!("nodectl was killed {} times", kills.lines().count());
            let verbs = [
                "prepare",
                "sign-certificates",
                "make-gentx",
                "check-genesis",
                "start",
                "check-blocks",
                "sign-act",
                "pass-act",
                "restart-service",
                "change-config",
            ];
            for verb in verbs {
                assert!(kills.contains(&format!("\"verb\":\"{verb}\"")), "{verb} was never killed");
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
    });
}
