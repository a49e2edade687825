//! A caller by hand: whoever has the keys of a role or of an account's root, and says anything on the real wire.

use crate::cloud::Cloud;
use crate::wire::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// A caller: who (an account's root or a role's ARN) and where.
pub struct Caller {
    cloud: Cloud,
    key: String,
    token: String,
    region: String,
}

/// Status and body of an answer.
pub type Answer = (u16, String);

impl Caller {
    /// A caller with the credentials of `who` at the endpoints of a region.
    pub fn new(cloud: &Cloud, who: &str, region: &str) -> Caller {
        let key = if who.starts_with("arn:") { crate::iam::access_key(who) } else { who.to_string() };
        Caller::with(cloud, &key, "", region)
    }

    /// Who holds a key and its token.
    pub fn with(cloud: &Cloud, key: &str, token: &str, region: &str) -> Caller {
        Caller { cloud: cloud.clone(), key: key.into(), token: token.into(), region: region.into() }
    }

    async fn send(&self, service: &str, method: &str, path: &str, target: &str, body: String) -> Answer {
        let scope = format!("AWS4-HMAC-SHA256 Credential={}/20261122/{}/{service}/aws4_request, SignedHeaders=host", self.key, self.region);
        let headers = [("authorization", scope.as_str()), ("x-amz-target", target), ("x-amz-security-token", &self.token)];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = crate::query::pairs(query);
        let request =
            Request { method: method.into(), host: format!("s3.{}.amazonaws.com", self.region), path: path.into(), query, headers, body: body.into() };
        // Without faults on purpose no reply is lost.
        match self.cloud.answer(request, path).await {
            Ok(answer) => (answer.status, answer.body),
            Err(()) => (0, "the reply was lost".into()),
        }
    }

    /// A call of a Query service by its flat parameters. Where a name comes twice the last one counts.
    pub async fn form(&self, service: &str, version: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let encode = |(k, v): &(&str, &str)| format!("&{k}={}", utf8_percent_encode(v, NON_ALPHANUMERIC));
        let body = format!("Action={action}&Version={version}{}", parameters.iter().map(encode).collect::<String>());
        self.send(service, "POST", "/", "", body).await
    }

    /// A call of EC2 by its flat parameters.
    pub async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.form("ec2", "2016-11-15", action, parameters).await
    }

    /// A call of SNS by its flat parameters.
    pub async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.form("sns", "2010-03-31", action, parameters).await
    }

    /// A call of a JSON service.
    pub async fn json(&self, service: &str, target: &str, parameters: Value) -> (u16, Value) {
        let (status, body) = self.send(service, "POST", "/", target, parameters.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// A call of S3.
    pub async fn s3(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send("s3", method, path, "", body.into()).await
    }

    /// Invokes a function with a payload as it is, which need not be JSON.
    pub async fn invoke(&self, function: &str, payload: &str) -> Answer {
        self.send("lambda", "POST", &format!("/2015-03-31/functions/{function}/invocations"), "", payload.into()).await
    }
}
