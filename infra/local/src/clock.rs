//! Time in a simulated world that is served: clients outside live in real time, the world in virtual time.
//!
//! Left alone, tokio's paused clock jumps to the next timer whenever every task waits, and with a socket open somebody always waits.
//! So the clock is let go in small steps only: between two steps a thread of its own sleeps, which holds the clock still.

use crate::cloud::Cloud;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// How long the clock stands between two steps, by the computer's own clock.
const TICK: Duration = Duration::from_millis(5);
/// Virtual seconds in a real one while the world is busy: a boot takes a fifth of a second, a launch a few seconds.
const HURRY: u32 = 100;
/// So long after the last change it counts as busy, and after the last request as looked at, by the computer's clock: who sleeps and
/// looks again finds the world changed.
const LINGER: Duration = Duration::from_secs(60);

/// When the world was last asked, and when it was last changed from outside, by the computer's clock.
#[derive(Default)]
pub(crate) struct Attention {
    asked: Option<Instant>,
    changed: Option<Instant>,
}

impl Cloud {
    /// Lets virtual time go on: a hundred times as fast as real time while an execution runs and for a minute after each change; as fast
    /// as real time while somebody only looks, so that a client that polls for ever ages nothing; not at all when nobody asks. What the
    /// computer itself takes (a slow build, a busy machine) costs no virtual time, so no time-out depends on it. For a runtime with a
    /// paused clock; never ends.
    pub async fn keep_time(&self) {
        loop {
            // A blocking task keeps tokio from moving the clock.
            let _ = tokio::task::spawn_blocking(|| std::thread::sleep(TICK)).await;
            let speed = self.speed();
            if speed > 0 {
                tokio::time::sleep(TICK * speed).await;
            }
        }
    }

    /// Virtual seconds in a real one.
    fn speed(&self) -> u32 {
        let recent = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < LINGER);
        let attention = self.attention();
        match () {
            _ if recent(attention.changed) => HURRY,
            _ if recent(attention.asked) => 1,
            _ => 0,
        }
    }

    fn attention(&self) -> MutexGuard<'_, Attention> {
        let mut attention = self.0.attention.lock().unwrap_or_else(|p| p.into_inner());
        if self.is_busy() {
            attention.changed = Some(Instant::now());
        }
        attention
    }

    /// Somebody outside asks, or was answered.
    pub(crate) fn asked(&self) {
        self.attention().asked = Some(Instant::now());
    }

    /// A call has changed the world.
    pub(crate) fn stirred(&self) {
        self.attention().changed = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    /// Virtual milliseconds that pass in some real ones, and the most that may at a speed: a tick that is under way is gone through whole.
    async fn passes(cloud: &Cloud, real: Duration, speed: u32) -> (u64, u64) {
        let (before, began) = (cloud.now_ms(), Instant::now());
        let (over, waits) = tokio::sync::oneshot::channel();
        // A thread that tokio knows nothing of: a blocking task of the test's own would hold the clock.
        std::thread::spawn(move || {
            std::thread::sleep(real);
            let _ = over.send(());
        });
        let _ = waits.await;
        (cloud.now_ms() - before, most(began.elapsed(), speed))
    }

    fn most(real: Duration, speed: u32) -> u64 {
        u64::try_from(((real + 2 * TICK) * speed).as_millis()).unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn time_stands_walks_and_hurries() {
        let cloud = cloud();
        let real = Duration::from_millis(300);
        // Where a clock that is let go would jump to.
        let far = tokio::spawn(tokio::time::sleep(Duration::from_secs(365 * 86_400)));
        let watch = async {
            tokio::task::yield_now().await;
            assert_eq!(passes(&cloud, real, 0).await, (0, 0), "nobody asked");
            cloud.asked();
            let (passed, may) = passes(&cloud, real, 1).await;
            assert!(passed > 0 && passed <= may, "{passed} of at most {may}: who only looks does not hurry it");
            cloud.stirred();
            let (began, from) = (Instant::now(), cloud.now_ms());
            while cloud.now_ms() < from + 5_000 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let (passed, may) = (cloud.now_ms() - from, most(began.elapsed(), HURRY));
            assert!(passed <= may, "{passed} of at most {may}");
            assert!(!far.is_finished());
        };
        tokio::select! {
            biased;
            () = cloud.keep_time() => {}
            () = watch => {}
        }
    }
}
