//! Executions: start, watch over, end, redrive, and tell EventBridge.

use super::interpreter::{Ended, Point, Scope, interpret};
use crate::cloud::{ApiError, Cloud};
use crate::names;
use crate::services::events::Bus;
use crate::services::states::{PAYLOAD, describe};
use crate::world::{Execution, Machine};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;

impl Cloud {
    /// Starts an execution. The same name with the same input while it runs is the same execution.
    pub fn start(&self, machine: &str, name: &str, input: Value) -> Result<String, ApiError> {
        let now = self.now_ms();
        let found = self.world().machines.get(machine).cloned();
        let found = found.ok_or_else(|| ApiError::new("StateMachineDoesNotExist", 400, format!("State Machine Does Not Exist: '{machine}'")))?;
        if input.to_string().len() > PAYLOAD {
            return Err(ApiError::new("ValidationException", 400, "the input is larger than 262144 bytes"));
        }
        if name.is_empty() || name.len() > 80 {
            return Err(ApiError::new("InvalidName", 400, format!("Invalid Name: '{name}'")));
        }
        let arn = format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"));
        {
            let mut world = self.world();
            if let Some(e) = world.executions.get(&arn) {
                if e.status == "RUNNING" && e.input == input {
                    return Ok(arn);
                }
                return Err(ApiError::new("ExecutionAlreadyExists", 400, format!("Execution Already Exists: '{arn}'")));
            }
            let execution = Execution {
                arn: arn.clone(),
                machine: machine.into(),
                name: name.into(),
                input: input.clone(),
                status: "RUNNING".into(),
                start_ms: now,
                ..Execution::default()
            };
            world.executions.insert(arn.clone(), execution);
        }
        self.changed();
        self.drive(found, &arn, name, input, now, None);
        Ok(arn)
    }

    /// Goes on with an execution that did not succeed, from the state in which it ended, with the input and the variables that it had
    /// there; its definition's time-out begins anew. Children that it waited for have ended: it starts them again.
    pub fn redrive(&self, arn: &str) -> Result<(), ApiError> {
        let now = self.now_ms();
        let point = self.0.points.lock().unwrap_or_else(|p| p.into_inner()).remove(arn);
        let (machine, name, input) = {
            let mut world = self.world();
            let e = world.executions.get_mut(arn).ok_or_else(|| ApiError::new("ExecutionDoesNotExist", 400, format!("Execution Does Not Exist: '{arn}'")))?;
            if !matches!(e.status.as_str(), "FAILED" | "ABORTED" | "TIMED_OUT") || point.is_none() {
                return Err(ApiError::new("ExecutionNotRedrivable", 400, format!("Execution is not redrivable: '{arn}' is {}", e.status)));
            }
            (e.status, e.error, e.cause, e.stop_ms) = ("RUNNING".into(), String::new(), String::new(), 0);
            let (machine, name, input) = (e.machine.clone(), e.name.clone(), e.input.clone());
            (world.machines.get(&machine).cloned(), name, input)
        };
        let machine = machine.ok_or_else(|| ApiError::new("ExecutionNotRedrivable", 400, "its state machine is gone"))?;
        self.changed();
        self.drive(machine, arn, &name, input, now, point);
        Ok(())
    }

    /// Runs a machine until it ends or is stopped, from its first state or from a point.
    fn drive(&self, machine: Machine, arn: &str, name: &str, input: Value, now: u64, from: Option<Point>) {
        let (cloud, key, kill) = (self.clone(), arn.to_string(), Arc::new(Notify::new()));
        self.0.kills.lock().unwrap_or_else(|p| p.into_inner()).insert(key.clone(), kill.clone());
        let scope = Scope::new(cloud.clone(), &machine, &key, name, input.clone(), now);
        let scope = match &from {
            Some(point) => scope.resume(point),
            None => scope,
        };
        tokio::spawn(async move {
            let limit = machine.definition["TimeoutSeconds"].as_u64().unwrap_or(u64::from(u32::MAX));
            let ended = tokio::select! {
                biased;
                () = kill.notified() => None,
                done = interpret(&scope, &machine.definition, input) => Some(done),
                () = tokio::time::sleep(Duration::from_secs(limit)) => Some(Err(("States.Timeout".into(), "the execution's own time-out".into()))),
            };
            if !matches!(ended, Some(Ok(Ended::Succeeded(_)))) {
                cloud.0.points.lock().unwrap_or_else(|p| p.into_inner()).insert(key.clone(), scope.point());
            }
            match ended {
                None => {}
                Some(Ok(Ended::Succeeded(output))) => cloud.end(&key, "SUCCEEDED", output, "", ""),
                Some(Ok(Ended::Failed(error, cause))) => cloud.end(&key, "FAILED", Value::Null, &error, &cause),
                Some(Err((error, cause))) if error == "States.Timeout" => cloud.end(&key, "TIMED_OUT", Value::Null, &error, &cause),
                Some(Err((error, cause))) => cloud.end(&key, "FAILED", Value::Null, &error, &cause),
            }
        });
    }

    /// Stops an execution where it is; no Catch runs.
    pub fn stop(&self, arn: &str, status: &str, error: &str, cause: &str) {
        if let Some(kill) = self.0.kills.lock().unwrap_or_else(|p| p.into_inner()).remove(arn) {
            kill.notify_one();
        }
        let running = self.world().executions.get(arn).is_some_and(|e| e.status == "RUNNING");
        if running {
            // A child ends with its parent.
            let children: Vec<String> = self
                .world()
                .executions
                .values()
                .filter(|e| e.status == "RUNNING" && e.input[super::interpreter::STARTED_BY] == json!(arn))
                .map(|e| e.arn.clone())
                .collect();
            children.iter().for_each(|c| self.stop(c, status, error, cause));
            self.end(arn, status, Value::Null, error, cause);
        }
    }

    fn end(&self, arn: &str, status: &str, output: Value, error: &str, cause: &str) {
        let now = self.now_ms();
        let detail = {
            let mut world = self.world();
            let Some(e) = world.executions.get_mut(arn).filter(|e| e.status == "RUNNING") else { return };
            (e.status, e.output, e.error, e.cause, e.stop_ms) = (status.into(), output, error.into(), cause.into(), now);
            let mut detail = describe(e);
            detail["stateMachineArn"] = json!(e.machine);
            detail
        };
        self.0.kills.lock().unwrap_or_else(|p| p.into_inner()).remove(arn);
        self.changed();
        let bus = Bus::default(names::account_of(arn), names::region_of(arn));
        self.tell_bus(&bus, "aws.states", "Step Functions Execution Status Change", detail, arn);
    }

    /// Executions that a process left running are found aborted by the next one, as after StopExecution.
    pub fn abort_interrupted(&self) -> Vec<String> {
        let open: Vec<String> = self.world().executions.values().filter(|e| e.status == "RUNNING").map(|e| e.arn.clone()).collect();
        open.iter().for_each(|arn| self.stop(arn, "ABORTED", "Interrupted", "the local cloud's process ended while this was running"));
        open
    }

    /// Waits until an execution has ended.
    pub async fn ended(&self, arn: &str) -> Execution {
        loop {
            if let Some(e) = self.world().executions.get(arn).filter(|e| e.status != "RUNNING").cloned() {
                return e;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Whether any execution runs, or a function has still to be given an event.
    pub fn is_busy(&self) -> bool {
        self.0.deliveries.load(Ordering::Relaxed) > 0 || self.world().executions.values().any(|e| e.status == "RUNNING")
    }

    /// Waits until that is over.
    pub async fn idle(&self) {
        while self.is_busy() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
