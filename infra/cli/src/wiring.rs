//! The shipped handlers as the local cloud's functions: one process (one set of clients) per function.

use aws::{Clients, Settings};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use handlers::Context;
use local_cloud::{Clock, Code, Run};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The cloud's virtual clock, for signatures.
#[derive(Debug)]
struct VirtualClock(Clock);

impl TimeSource for VirtualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.now_ms())
    }
}

/// The code of every function.
pub fn code() -> Code {
    let processes: Arc<Mutex<BTreeMap<String, Clients>>> = Arc::default();
    Arc::new(move |run: Run| {
        let processes = processes.clone();
        Box::pin(async move {
            let handler = handlers::find(&run.handler).ok_or_else(|| ("Runtime.NoHandler".to_string(), run.handler.clone()))?;
            let warm = processes.lock().unwrap_or_else(|p| p.into_inner()).get(&run.function).cloned();
            let clients = match warm {
                Some(clients) => clients,
                None => {
                    let made = Clients::new(Settings {
                        region: run.region.clone(),
                        credentials: Some(run.credentials.clone()),
                        http: Some(run.cloud.http_client()),
                        time: Some(SharedTimeSource::new(VirtualClock(run.cloud.clock()))),
                    })
                    .await;
                    processes.lock().unwrap_or_else(|p| p.into_inner()).insert(run.function.clone(), made.clone());
                    made
                }
            };
            let context = Context { aws: clients, settings: Arc::new(run.settings) };
            handler(context, run.payload).await.map_err(|fault| (fault.class.error_name(), fault.to_string()))
        })
    })
}
