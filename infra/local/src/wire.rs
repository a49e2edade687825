//! The services' real protocols: EC2, SNS and STS Query; Systems Manager, Step Functions, EventBridge and Service Quotas JSON; Lambda and
//! S3 REST.
//! In process it is the SDK's HTTP client.

use crate::cloud::{ApiError, Call, Cloud, Exchange, Inner, Principal, Reply};
use crate::{iam, query};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// A request as it came.
pub(crate) struct Request {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A response as it goes.
pub(crate) struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Cloud {
    /// The cloud as an SDK's HTTP client.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Wire(Arc::downgrade(&self.0)))
    }
}

/// The way to a cloud. Functions keep their clients between runs and the cloud keeps its functions, so it does not hold the cloud.
#[derive(Debug, Clone)]
struct Wire(Weak<Inner>);

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = self.0.upgrade().map(Cloud);
        HttpConnectorFuture::new(async move {
            let cloud = cloud.ok_or_else(|| ConnectorError::io("the cloud is gone".into()))?;
            let url = request.uri().to_string();
            let headers: BTreeMap<String, String> = request.headers().iter().map(|(k, v)| (k.to_lowercase(), v.to_string())).collect();
            let method = request.method().to_string();
            let body = ByteStream::new(request.into_body()).collect().await.map_err(|e| ConnectorError::io(e.into()))?.to_vec();
            let (host, rest) = url.split_once("://").and_then(|(_, r)| r.split_once('/')).unwrap_or(("", ""));
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let target = format!("/{rest}");
            let request = Request { method, host: host.into(), path: query::decode(&format!("/{path}")), query: query::pairs(query), headers, body };
            match cloud.answer(request, &target).await {
                Ok(response) => {
                    let mut built =
                        HttpResponse::new(response.status.try_into().map_err(|e| ConnectorError::other(Box::new(e), None))?, SdkBody::from(response.body));
                    for (k, v) in response.headers {
                        built.headers_mut().append(k, v);
                    }
                    Ok(built)
                }
                // The reply never comes; the SDK's own attempt time-out decides how long that is waited for.
                Err(()) => std::future::pending().await,
            }
        })
    }
}

impl Cloud {
    /// Answers one request. `Err` = the reply is lost on its way.
    pub(crate) async fn answer(&self, request: Request, target: &str) -> Result<Response, ()> {
        let recording = self.0.exchanges.lock().unwrap_or_else(|p| p.into_inner()).is_some();
        let kept =
            recording.then(|| (request.method.clone(), target.to_string(), request.headers.clone(), String::from_utf8_lossy(&request.body).into_owned()));
        let (service, action, response) = match read(self, request) {
            Err((service, e)) => {
                let response = error(&service, &e);
                (service, "Unknown".to_string(), response)
            }
            Ok(call) => {
                let (service, action) = (call.service.clone(), call.action.clone());
                let bucket = call.params.get("Bucket").cloned();
                let reply = self.perform(call).await?;
                let mut response = write(&service, &action, reply, bucket.clone());
                if response.status == 301 {
                    // S3 says where the bucket is, and SDKs go there.
                    let world = self.world();
                    let found = bucket.as_ref().and_then(Value::as_str).and_then(|name| world.buckets.get(name));
                    response.headers.extend(found.map(|b| ("x-amz-bucket-region".to_string(), b.region.clone())));
                }
                (service, action, response)
            }
        };
        if let (Some(request), Some(list)) = (kept, self.0.exchanges.lock().unwrap_or_else(|p| p.into_inner()).as_mut()) {
            let response = (response.status, response.headers.clone(), response.body.clone());
            list.push(Exchange { service, action, request, response });
        }
        Ok(response)
    }
}

/// Who, where and what, from the signature and the protocol. Unknown operations are refused aloud, in the service's own form.
fn read(cloud: &Cloud, request: Request) -> Result<Call, (String, ApiError)> {
    let authorization = request.headers.get("authorization").cloned().unwrap_or_default();
    let scope = authorization.split("Credential=").nth(1).and_then(|s| s.split(',').next()).unwrap_or_default();
    let [key, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(("unknown".into(), ApiError::new("MissingAuthenticationToken", 403, "the request is not signed")));
    };
    let token = request.headers.get("x-amz-security-token").map(String::as_str).unwrap_or_default();
    let principal = iam::principal(&cloud.world(), key, token, cloud.now_ms()).map_err(|unfit| (service.to_string(), unfit.error(service)))?;
    let (action, params) = operation(service, &request).map_err(|e| (service.to_string(), e))?;
    Ok(Call { service: service.into(), action, region: region.into(), principal, params })
}

/// Action and parameters, by the service's protocol.
fn operation(service: &str, request: &Request) -> Result<(String, Value), ApiError> {
    match service {
        "ec2" | "sns" | "sts" => {
            let form = query::pairs(&String::from_utf8_lossy(&request.body));
            let action = form.get("Action").cloned().unwrap_or_default();
            Ok((action, query::nested(&form)))
        }
        "ssm" | "states" | "events" | "servicequotas" => {
            let target = request.headers.get("x-amz-target").cloned().unwrap_or_default();
            let action = target.rsplit('.').next().unwrap_or_default().to_string();
            let params = serde_json::from_slice(&request.body).map_err(|e| ApiError::new("SerializationException", 400, e.to_string()))?;
            Ok((action, params))
        }
        "lambda" => lambda(request),
        "s3" => s3(request),
        other => Err(ApiError::new("UnknownService", 400, format!("the local cloud does not have {other}"))),
    }
}

fn lambda(request: &Request) -> Result<(String, Value), ApiError> {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["2015-03-31", "functions", name, "invocations"]) => {
            // A dry run may come without a body.
            let body = if request.body.is_empty() { b"null".as_slice() } else { &request.body };
            let payload: Value = serde_json::from_slice(body).map_err(|e| ApiError::new("InvalidRequestContentException", 400, e.to_string()))?;
            let kind = request.headers.get("x-amz-invocation-type").map(String::as_str).unwrap_or("RequestResponse");
            Ok(("Invoke".into(), json!({"FunctionName": name, "Payload": payload, "InvocationType": kind})))
        }
        _ => Err(ApiError::new("UnknownOperationException", 404, format!("{} {}", request.method, request.path))),
    }
}

fn s3(request: &Request) -> Result<(String, Value), ApiError> {
    let virtual_bucket = request.host.split_once(".s3").map(|(b, _)| b).filter(|b| !b.is_empty() && !request.host.starts_with("s3."));
    let path = request.path.trim_start_matches('/');
    let (bucket, key) = match virtual_bucket {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let text = || {
        let bytes = if header("content-encoding").contains("aws-chunked") { query::unchunk(&request.body) } else { request.body.clone() };
        String::from_utf8(bytes).map_err(|_| ApiError::new("NotImplemented", 501, "the local cloud keeps text objects only"))
    };
    let operation = (request.method.as_str(), key.is_empty());
    let action = match operation {
        ("GET", false) => ("GetObject", json!({"Bucket": bucket, "Key": key})),
        ("PUT", false) => {
            ("PutObject", json!({"Bucket": bucket, "Key": key, "Body": text()?, "IfNoneMatch": header("if-none-match"), "IfMatch": header("if-match")}))
        }
        ("GET", true) if request.query.get("list-type").is_some_and(|v| v == "2") => ("ListObjectsV2", list_parameters(bucket, &request.query)?),
        ("PUT", true) if request.query.contains_key("policy") => ("PutBucketPolicy", json!({"Bucket": bucket, "Policy": text()?})),
        ("GET", true) if request.query.contains_key("policy") => ("GetBucketPolicy", json!({"Bucket": bucket})),
        ("POST", true) if request.query.contains_key("delete") => {
            ("DeleteObjects", json!({"Bucket": bucket, "Keys": query::keys_of_delete(&text()?), "Quiet": text()?.contains("<Quiet>true</Quiet>")}))
        }
        _ => return Err(ApiError::new("NotImplemented", 501, format!("{} {}", request.method, request.path))),
    };
    Ok((action.0.into(), action.1))
}

/// A list's parameters by the API's names; what would be ignored is refused.
fn list_parameters(bucket: &str, given: &BTreeMap<String, String>) -> Result<Value, ApiError> {
    let mut params = json!({"Bucket": bucket});
    for (name, value) in given {
        let known = match name.as_str() {
            "list-type" | "x-id" => continue,
            "prefix" => "Prefix",
            "continuation-token" => "ContinuationToken",
            "max-keys" => "MaxKeys",
            "encoding-type" => "EncodingType",
            other => return Err(ApiError::new("NotImplemented", 501, format!("ListObjectsV2 with {other}"))),
        };
        params[known] = json!(value);
    }
    Ok(params)
}

fn response(status: u16, kind: &str, body: String) -> Response {
    let headers = BTreeMap::from([("content-type".to_string(), kind.to_string()), ("x-amzn-requestid".into(), "local".into())]);
    Response { status, headers, body }
}

fn write(service: &str, action: &str, reply: Reply, bucket: Option<Value>) -> Response {
    let members = match reply {
        Ok(members) => members,
        Err(e) => return error(service, &e),
    };
    match service {
        "ec2" => response(
            200,
            "text/xml;charset=UTF-8",
            format!(
                "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>local</requestId>{}</{action}Response>",
                query::xml(&members, "item")
            ),
        ),
        "sns" | "sts" => response(
            200,
            "text/xml",
            format!(
                "<{action}Response xmlns=\"{}\"><{action}Result>{}</{action}Result><ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></{action}Response>",
                if service == "sns" { "http://sns.amazonaws.com/doc/2010-03-31/" } else { "https://sts.amazonaws.com/doc/2011-06-15/" },
                query::xml(&members, "member")
            ),
        ),
        "ssm" | "events" | "servicequotas" => response(200, "application/x-amz-json-1.1", members.to_string()),
        "states" => response(200, "application/x-amz-json-1.0", members.to_string()),
        "lambda" => {
            let mut r = response(200, "application/json", members["Payload"].to_string());
            if let Some(error) = members["FunctionError"].as_str() {
                r.headers.insert("x-amz-function-error".into(), error.into());
            }
            if members["DryRun"] == json!(true) {
                (r.status, r.body) = (204, String::new());
            }
            r.headers.insert("x-amz-executed-version".into(), "$LATEST".into());
            r
        }
        _ => write_s3(action, &members, bucket),
    }
}

fn write_s3(action: &str, members: &Value, bucket: Option<Value>) -> Response {
    match action {
        "GetObject" => {
            let mut r = response(200, "binary/octet-stream", members["Body"].as_str().unwrap_or_default().into());
            r.headers.insert("etag".into(), members["ETag"].as_str().unwrap_or_default().into());
            r.headers.insert("content-length".into(), r.body.len().to_string());
            r
        }
        "PutObject" => {
            let mut r = response(200, "application/xml", String::new());
            r.headers.insert("etag".into(), members["ETag"].as_str().unwrap_or_default().into());
            r
        }
        "ListObjectsV2" => {
            let mut all = members.clone();
            let contents = all.as_object_mut().and_then(|o| o.remove("Contents")).unwrap_or_default();
            all["Name"] = bucket.unwrap_or_default();
            let items: String = contents.as_array().into_iter().flatten().map(|c| format!("<Contents>{}</Contents>", query::xml(c, "member"))).collect();
            let ns = "http://s3.amazonaws.com/doc/2006-03-01/";
            response(200, "application/xml", format!("<ListBucketResult xmlns=\"{ns}\">{}{items}</ListBucketResult>", query::xml(&all, "member")))
        }
        "GetBucketPolicy" => response(200, "application/json", members["Policy"].as_str().unwrap_or_default().into()),
        "PutBucketPolicy" => response(204, "application/json", String::new()),
        _ => {
            let deleted = members["Deleted"].as_array().into_iter().flatten();
            let items: String = deleted.map(|d| format!("<Deleted>{}</Deleted>", query::xml(d, "member"))).collect();
            response(200, "application/xml", format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{items}</DeleteResult>"))
        }
    }
}

fn error(service: &str, e: &ApiError) -> Response {
    let (code, message) = (query::escape(&e.code), query::escape(&e.message));
    match service {
        "ec2" => response(
            e.status,
            "text/xml;charset=UTF-8",
            format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>local</RequestID></Response>"),
        ),
        "sns" | "sts" => response(
            e.status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
            ),
        ),
        "s3" => response(e.status, "application/xml", format!("<Error><Code>{code}</Code><Message>{message}</Message><RequestId>local</RequestId></Error>")),
        "lambda" => {
            let mut r = response(e.status, "application/json", json!({"Type": "User", "Message": e.message}).to_string());
            r.headers.insert("x-amzn-errortype".into(), e.code.clone());
            r
        }
        _ => {
            let mut r = response(e.status, "application/x-amz-json-1.1", json!({"__type": e.code, "message": e.message}).to_string());
            r.headers.insert("x-amzn-errortype".into(), e.code.clone());
            r
        }
    }
}

/// The principal of a run that is not on the wire.
pub(crate) fn role_principal(arn: &str) -> Principal {
    let name = arn.rsplit('/').next().unwrap_or_default();
    Principal { account: arn.split(':').nth(4).unwrap_or_default().into(), role: arn.into(), session: name.into() }
}
