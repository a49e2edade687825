//! JSONata as Step Functions has it: `{% … %}` strings anywhere in a value, `$states`, variables, and the bans.

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Name of the error that a bad expression ends with.
pub(crate) const QUERY_ERROR: &str = "States.QueryEvaluationError";

fn expression(text: &str) -> Option<&str> {
    text.trim().strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
}

/// Evaluates every expression inside a value. `states` is `$states`; `variables` are the assigned ones.
pub(crate) fn evaluate(value: &Value, states: &Value, variables: &Map<String, Value>) -> Result<Value, (String, String)> {
    match value {
        Value::String(s) => match expression(s) {
            Some(code) => one(code, states, variables).map_err(|why| (QUERY_ERROR.into(), format!("{code}: {why}"))),
            None => Ok(value.clone()),
        },
        Value::Array(items) => items.iter().map(|v| evaluate(v, states, variables)).collect(),
        Value::Object(members) => {
            members.iter().map(|(k, v)| Ok((k.clone(), evaluate(v, states, variables)?))).collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

thread_local! {
    /// Expressions that were read before: the same machines run thousands of times in a campaign. Only looked up by name.
    static READ: RefCell<HashMap<String, Rc<AstNode>>> = RefCell::default();
}

fn read(code: &str) -> Result<Rc<AstNode>, String> {
    if let Some(known) = READ.with_borrow(|read| read.get(code).cloned()) {
        return Ok(known);
    }
    let ast = Rc::new(parser::parse(code).map_err(|e| format!("{e:?}"))?);
    READ.with_borrow_mut(|read| read.insert(code.into(), ast.clone()));
    Ok(ast)
}

fn one(code: &str, states: &Value, variables: &Map<String, Value>) -> Result<Value, String> {
    let ast = read(code)?;
    let mut context = Context::new();
    // What the expression does not name need not be converted; a plan of a hundred nodes is large.
    let named = |name: &str| code.match_indices('$').any(|(at, _)| code[at + 1..].starts_with(name));
    if named("states") {
        context.bind("states".into(), JValue::from(states.clone()));
    }
    for (name, value) in variables.iter().filter(|(name, _)| named(name)) {
        context.bind(name.clone(), JValue::from(value.clone()));
    }
    let found = Evaluator::with_context(context).evaluate(&ast, &JValue::Null).map_err(|e| format!("{e:?}"))?;
    if matches!(found, JValue::Undefined) {
        return Err("gave nothing".into());
    }
    serde_json::to_value(&found).map(whole).map_err(|e| e.to_string())
}

/// JSONata has one kind of number; whole ones are written without a fraction.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(n) => match n.as_f64() {
            Some(f) if !n.is_i64() && !n.is_u64() && f.fract() == 0.0 && f.abs() < 9e15 => Value::from(f as i64),
            _ => Value::Number(n),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(members) => members.into_iter().map(|(k, v)| (k, whole(v))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_in_place() {
        let states = json!({"input": {"a": [1], "n": 3}});
        let Value::Object(vars) = json!({"x": {"y": 2}, "list": [{"k": 1}, {"k": 2}]}) else { panic!() };
        let give = |v: Value| evaluate(&v, &states, &vars);
        assert_eq!(give(json!({"p": "{% $states.input.n + $x.y %}", "q": "plain"})), Ok(json!({"p": 5, "q": "plain"})));
        assert_eq!(give(json!("{% $list[1].k %}")), Ok(json!(2)));
        assert_eq!(give(json!("{% [$states.input.a] %}")), Ok(json!([1])));
        assert_eq!(give(json!("{% $states.input.n < 4 and $not($exists($x.z)) %}")), Ok(json!(true)));
        assert_eq!(give(json!("{% $x.absent %}")).expect_err("undefined").0, QUERY_ERROR);
    }
}
