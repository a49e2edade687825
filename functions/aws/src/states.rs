//! Step Functions: is the holder of a lock still running?

use crate::Clients;
use crate::classify::fault;
use domain::{Class, Fault};
use std::time::{Duration, SystemTime};

impl Clients {
    /// Status of an execution and how long ago it ended; `None` if there is no such execution.
    pub async fn execution(&self, arn: &str) -> Result<Option<(String, Duration)>, Fault> {
        match self.states.describe_execution().execution_arn(arn).send().await.map_err(|e| fault("states", "DescribeExecution", e)) {
            Err(f) if f.class == Class::NotFound => Ok(None),
            Err(f) => Err(f),
            Ok(out) => {
                let ended = out.stop_date().and_then(|d| SystemTime::try_from(*d).ok());
                let since = ended.and_then(|t| self.now().duration_since(t).ok()).unwrap_or_default();
                Ok(Some((out.status().as_str().to_string(), since)))
            }
        }
    }
}
