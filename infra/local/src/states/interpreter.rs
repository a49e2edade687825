//! One definition, state by state. What the subset does not have is an error, never skipped.

use super::evaluate;
use crate::cloud::{ApiError, Call, Cloud};
use crate::faults::{STEP, Step};
use crate::services::lambda::outcome;
use crate::services::states::PAYLOAD;
use crate::world::Machine;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::JoinSet;

/// Input member by which a child names its parent, as the console does.
pub(crate) const STARTED_BY: &str = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID";
/// Step Functions ends an execution at this many events.
const EVENTS: u64 = 25_000;

/// Wait states of a world whose machines are processes are this much shorter.
const PROCESS_HURRY: u32 = 4;

/// How a definition ended.
pub(crate) enum Ended {
    Succeeded(Value),
    Failed(String, String),
}

/// Error name and cause.
pub(crate) type Failure = (String, String);

/// Where a run is: whose it is and what was assigned.
pub(crate) struct Scope {
    cloud: Cloud,
    role: String,
    arn: String,
    name: String,
    context: Value,
    variables: Mutex<Map<String, Value>>,
    /// Names that an outer scope has assigned: an inner one may read them, not assign them.
    outer: Vec<String>,
    /// States of a Map are not the execution's own steps.
    inner: bool,
    /// The state that was entered last, and its input.
    at: Mutex<(String, Value)>,
}

/// Where an execution that did not succeed was: a redrive goes on from there.
#[derive(Clone)]
pub(crate) struct Point {
    state: String,
    input: Value,
    variables: Map<String, Value>,
}

impl Scope {
    pub fn new(cloud: Cloud, machine: &Machine, arn: &str, name: &str, input: Value, now: u64) -> Scope {
        let context = json!({"Execution": {"Id": arn, "Name": name, "Input": input, "StartTime": crate::names::time(now), "RoleArn": machine.role},
            "StateMachine": {"Id": machine.arn}});
        Scope {
            cloud,
            role: machine.role.clone(),
            arn: arn.into(),
            name: name.into(),
            context,
            variables: Mutex::default(),
            outer: vec![],
            inner: false,
            at: Mutex::default(),
        }
    }

    /// Where the run is.
    pub fn point(&self) -> Point {
        let (state, input) = self.at.lock().unwrap_or_else(|p| p.into_inner()).clone();
        Point { state, input, variables: self.variables() }
    }

    /// The same scope as it was at a point.
    pub fn resume(self, point: &Point) -> Scope {
        Scope { variables: Mutex::new(point.variables.clone()), at: Mutex::new((point.state.clone(), point.input.clone())), ..self }
    }

    /// Where to begin: where it was, or at the first state with the execution's input.
    fn begin(&self, definition: &Value, input: Value) -> (String, Value) {
        match self.at.lock().unwrap_or_else(|p| p.into_inner()).clone() {
            (state, _) if state.is_empty() => (text(definition, "StartAt"), input),
            point => point,
        }
    }

    fn step(&self, state: &str) -> Step {
        Step {
            execution: self.name.clone(),
            machine: text(&self.context["StateMachine"], "Id").rsplit(':').next().unwrap_or_default().into(),
            state: state.into(),
        }
    }

    fn variables(&self) -> Map<String, Value> {
        self.variables.lock().unwrap_or_else(|p| p.into_inner()).clone()
    }

    fn give(&self, template: &Value, states: &Value) -> Result<Value, Failure> {
        evaluate(template, states, &self.variables())
    }

    /// Output of a state and its assignments, both from the same snapshot.
    fn finish(&self, state: &Value, states: &Value, default: Value) -> Result<Value, Failure> {
        let output = match state.get("Output") {
            Some(template) => self.give(template, states)?,
            None => default,
        };
        self.assign(state, states)?;
        if output.to_string().len() > PAYLOAD {
            return Err(("States.DataLimitExceeded".into(), "an output is larger than 262144 bytes".into()));
        }
        self.cloud.hear("state output", &self.place(states), &output);
        Ok(output)
    }

    fn assign(&self, state: &Value, states: &Value) -> Result<(), Failure> {
        if let Some(template) = state.get("Assign")
            && let Value::Object(new) = self.give(template, states)?
        {
            if let Some(name) = new.keys().find(|k| self.outer.contains(k)) {
                return Err(("States.Runtime".into(), format!("{name} belongs to the outer scope; an inner one cannot assign it")));
            }
            self.cloud.hear("state variables", &self.place(states), &Value::Object(new.clone()));
            self.variables.lock().unwrap_or_else(|p| p.into_inner()).extend(new);
        }
        Ok(())
    }

    /// Where a value is heard: execution and state.
    fn place(&self, states: &Value) -> String {
        format!("{}/{}", self.name, states["context"]["State"]["Name"].as_str().unwrap_or_default())
    }

    fn enter(&self, state: &str, kind: &str) -> Result<(), Failure> {
        let now = self.cloud.now_ms();
        let events = {
            let mut world = self.cloud.world();
            world.note_transition(&self.name, state);
            let Some(e) = world.executions.get_mut(&self.arn) else { return Ok(()) };
            // Entered, exited; a task is also scheduled, started and ended.
            e.events += if kind == "Task" { 5 } else { 2 };
            if !self.inner {
                e.states.push((now, state.into()));
            }
            e.events
        };
        self.cloud.tell(&self.name, state);
        self.cloud.changed();
        if events > EVENTS {
            return Err(("States.Runtime".into(), "The execution reached the maximum number of history events (25000).".into()));
        }
        Ok(())
    }
}

/// Runs a definition to its end. Boxed, since a Map runs definitions inside one.
pub(crate) fn interpret<'a>(scope: &'a Scope, definition: &'a Value, input: Value) -> Pin<Box<dyn Future<Output = Result<Ended, Failure>> + Send + 'a>> {
    Box::pin(async move {
        let (mut name, mut input) = scope.begin(definition, input);
        loop {
            if !scope.inner {
                *scope.at.lock().unwrap_or_else(|p| p.into_inner()) = (name.clone(), input.clone());
            }
            let state = &definition["States"][&name];
            let kind = state["Type"].as_str().ok_or_else(|| ("States.Runtime".to_string(), format!("there is no state {name}")))?;
            scope.enter(&name, kind)?;
            let mut context = scope.context.clone();
            context["State"] = json!({"Name": name, "EnteredTime": crate::names::time(scope.cloud.now_ms())});
            let states = json!({"input": input, "context": context});
            scope.cloud.hear("state input", &scope.place(&states), &input);
            let (output, next) = match kind {
                "Task" | "Map" => work(scope, state, &states, kind).await?,
                "Choice" => choose(scope, state, &states)?,
                "Wait" => {
                    let seconds = scope.give(&state["Seconds"], &states)?;
                    let seconds = Duration::from_secs(seconds.as_u64().unwrap_or(0));
                    // The waits of the machines are for boots and pulls; where nodes are processes there are none.
                    tokio::time::sleep(if scope.cloud.machines().is_some() { seconds / PROCESS_HURRY } else { seconds }).await;
                    (scope.finish(state, &states, input.clone())?, text(state, "Next"))
                }
                "Pass" => (scope.finish(state, &states, input.clone())?, text(state, "Next")),
                "Succeed" => return Ok(Ended::Succeeded(scope.finish(state, &states, input.clone())?)),
                "Fail" => {
                    let words = |k: &str| scope.give(&state[k], &states).map(|v| v.as_str().map(String::from).unwrap_or_else(|| v.to_string()));
                    return Ok(Ended::Failed(words("Error")?, words("Cause")?));
                }
                other => return Err(("States.Runtime".into(), format!("{name}: the local cloud does not run {other} states"))),
            };
            if state["End"] == json!(true) {
                return Ok(Ended::Succeeded(output));
            }
            (name, input) = (next, output);
        }
    })
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().into()
}

fn choose(scope: &Scope, state: &Value, states: &Value) -> Result<(Value, String), Failure> {
    for choice in state["Choices"].as_array().into_iter().flatten() {
        match scope.give(&choice["Condition"], states)? {
            Value::Bool(true) => return Ok((scope.finish(choice, states, states["input"].clone())?, text(choice, "Next"))),
            Value::Bool(false) => {}
            other => return Err((super::expression::QUERY_ERROR.into(), format!("a Condition gave {other}"))),
        }
    }
    match state["Default"].as_str() {
        Some(next) => Ok((scope.finish(state, states, states["input"].clone())?, next.into())),
        None => Err(("States.NoChoiceMatched".into(), "no choice fits and there is no default".into())),
    }
}

/// Task or Map with its Retry and Catch.
async fn work(scope: &Scope, state: &Value, states: &Value, kind: &str) -> Result<(Value, String), Failure> {
    let retriers: &[Value] = state["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut tries = vec![0u32; retriers.len()];
    let mut states = states.clone();
    let failure = loop {
        states["context"]["State"]["RetryCount"] = json!(tries.iter().sum::<u32>());
        let states = &states;
        let done = match kind {
            "Map" => map(scope, state, states).await,
            _ => STEP.scope(scope.step(&text(&states["context"]["State"], "Name")), task(scope, state, states)).await,
        };
        let failure = match done {
            Ok(result) => {
                scope.cloud.hear("task result", &scope.place(states), &result);
                let mut states = states.clone();
                states["result"] = result.clone();
                match scope.finish(state, &states, result) {
                    Ok(output) => return Ok((output, text(state, "Next"))),
                    Err(f) => f,
                }
            }
            Err(f) => f,
        };
        scope.cloud.hear("task failure", &scope.place(states), &json!([failure.0, failure.1]));
        let retrier = retriers.iter().position(|r| matches(r, &failure.0));
        let Some(i) = retrier.filter(|i| u64::from(tries[*i]) < retriers[*i]["MaxAttempts"].as_u64().unwrap_or(3)) else { break failure };
        let number = |k: &str, default: f64| retriers[i][k].as_f64().unwrap_or(default);
        let delay = (number("IntervalSeconds", 1.0) * number("BackoffRate", 2.0).powi(tries[i] as i32)).min(number("MaxDelaySeconds", f64::MAX));
        tries[i] += 1;
        let full = retriers[i]["JitterStrategy"] == "FULL";
        let ms = if full { scope.cloud.world().random((delay * 1000.0) as u64 + 1) } else { (delay * 1000.0) as u64 };
        {
            let mut world = scope.cloud.world();
            world.note_transition(&scope.name, text(&states["context"]["State"], "Name").as_str()); // a retry is charged as one
            if let Some(e) = world.executions.get_mut(&scope.arn) {
                e.events += 3;
            }
        }
        tokio::time::sleep(Duration::from_millis(ms)).await;
    };
    let catcher = state["Catch"].as_array().into_iter().flatten().find(|c| matches(c, &failure.0) && failure.0 != "States.DataLimitExceeded");
    let Some(catcher) = catcher else { return Err(failure) };
    let mut states = states.clone();
    states["errorOutput"] = json!({"Error": failure.0, "Cause": failure.1});
    let output = scope.finish(catcher, &states, states["errorOutput"].clone())?;
    Ok((output, text(catcher, "Next")))
}

fn matches(rule: &Value, error: &str) -> bool {
    let named = |n: &str| match n {
        "States.ALL" => error != "States.DataLimitExceeded" && error != "States.Runtime",
        "States.TaskFailed" => error != "States.Timeout" && error != "States.DataLimitExceeded" && error != "States.Runtime",
        other => other == error,
    };
    rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str).any(named)
}

async fn task(scope: &Scope, state: &Value, states: &Value) -> Result<Value, Failure> {
    let arguments = scope.give(&state["Arguments"], states)?;
    scope.cloud.hear("task arguments", &scope.place(states), &arguments);
    let limit = state["TimeoutSeconds"].as_u64().unwrap_or(60);
    let resource = state["Resource"].as_str().unwrap_or_default();
    let call = async {
        match resource.rsplit(":states:::").next().unwrap_or_default() {
            "lambda:invoke" => invoke(scope, arguments).await,
            "states:startExecution.sync:2" => child(scope, arguments).await,
            other => Err(("States.Runtime".to_string(), format!("the local cloud does not have the integration {other}"))),
        }
    };
    match tokio::time::timeout(Duration::from_secs(limit), call).await {
        Ok(done) => done,
        Err(_) => Err(("States.Timeout".into(), format!("no answer within {limit} s"))),
    }
}

/// One call that the machine itself makes; errors by the name that the integration gives them. `server` = the name for a 5xx: AWS
/// documents Lambda's, that of Step Functions is built like it (after the base class of its exceptions).
async fn integrate(scope: &Scope, (prefix, server): (&str, &str), service: &str, action: &str, params: Value) -> Result<Value, Failure> {
    let principal = crate::wire::role_principal(&scope.role);
    let region = scope.arn.split(':').nth(3).unwrap_or_default().to_string();
    let call = Call { service: service.into(), action: action.into(), region, principal, params };
    match scope.cloud.perform(call).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(ApiError { code, status, message })) => {
            let name = if status >= 500 { server } else { code.as_str() };
            Err((format!("{prefix}.{name}"), message))
        }
        Err(()) => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Err((format!("{prefix}.SdkClientException"), format!("no answer to {action}")))
        }
    }
}

async fn invoke(scope: &Scope, arguments: Value) -> Result<Value, Failure> {
    let reply = integrate(scope, ("Lambda", "ServiceException"), "lambda", "Invoke", arguments).await?;
    outcome(reply).map(|payload| json!({"Payload": payload, "StatusCode": 200}))
}

/// A child execution: its own error reaches the parent only as States.TaskFailed.
async fn child(scope: &Scope, arguments: Value) -> Result<Value, Failure> {
    let params = json!({"stateMachineArn": arguments["StateMachineArn"], "name": arguments["Name"], "input": arguments["Input"].to_string()});
    let started = integrate(scope, ("StepFunctions", "AWSStepFunctionsException"), "states", "StartExecution", params).await?;
    let e = scope.cloud.ended(&text(&started, "executionArn")).await;
    if e.status == "SUCCEEDED" {
        return Ok(json!({"ExecutionArn": e.arn, "Name": e.name, "Status": e.status, "Output": e.output}));
    }
    let cause = json!({"ExecutionArn": e.arn, "Name": e.name, "Status": e.status, "Error": e.error, "Cause": e.cause});
    Err(("States.TaskFailed".into(), cause.to_string()))
}

/// Inline Map. When one iteration fails its siblings stop where they are.
async fn map(scope: &Scope, state: &Value, states: &Value) -> Result<Value, Failure> {
    let items = scope.give(&state["Items"], states)?;
    let items = items.as_array().cloned().ok_or_else(|| ("States.QueryEvaluationError".to_string(), "Items is not an array".to_string()))?;
    let most = state["MaxConcurrency"].as_u64().filter(|n| *n > 0).unwrap_or(40).min(40) as usize;
    let mut results = vec![Value::Null; items.len()];
    let mut running = JoinSet::new();
    let mut waiting = items.into_iter().enumerate();
    loop {
        while running.len() < most {
            let Some((index, item)) = waiting.next() else { break };
            let mut context = scope.context.clone();
            context["Map"] = json!({"Item": {"Index": index, "Value": item}});
            let mut selected_states = states.clone();
            selected_states["context"] = context.clone();
            let input = match state.get("ItemSelector") {
                Some(selector) => scope.give(selector, &selected_states)?,
                None => item,
            };
            let inner = Scope {
                cloud: scope.cloud.clone(),
                role: scope.role.clone(),
                arn: scope.arn.clone(),
                name: scope.name.clone(),
                context,
                variables: Mutex::new(scope.variables()),
                outer: scope.variables().keys().cloned().collect(),
                inner: true,
                at: Mutex::default(),
            };
            let definition = state["ItemProcessor"].clone();
            running.spawn(async move { (index, interpret(&inner, &definition, input).await) });
        }
        let Some(joined) = running.join_next().await else { return Ok(Value::Array(results)) };
        let (index, done) = joined.map_err(|e| ("States.Runtime".to_string(), e.to_string()))?;
        match done? {
            Ended::Succeeded(output) => results[index] = output,
            Ended::Failed(error, cause) => return Err((error, cause)),
        }
    }
}
