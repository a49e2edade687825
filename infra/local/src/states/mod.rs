//! Step Functions: the ASL subset that the shipped machines use, with JSONata, history limits, Retry, Catch, Map and children.

mod expression;
mod interpreter;
mod run;

pub(crate) use expression::evaluate;
pub(crate) use interpreter::Point;
