//! The cloud on a loopback port: any AWS client that is told this endpoint may use it.

use crate::cloud::Cloud;
use crate::query;
use crate::wire::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::TcpListener;

/// A request's body may have this many bytes; the largest that any client of ours sends is a plan of a hundred nodes.
const BODY_MAX: usize = 8 << 20;

impl Cloud {
    /// Answers requests until the listener fails. A reply that is lost on purpose ends its connection.
    pub async fn serve(&self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let cloud = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| respond(&cloud, request));
                // A client that goes away is its own affair.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

async fn respond(cloud: &Cloud, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let plain = |status, text: &str| {
        let mut response = Response::new(Full::from(text.to_string()));
        *response.status_mut() = status;
        Ok(response)
    };
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else { return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large") };
    let headers: std::collections::BTreeMap<String, String> =
        parts.headers.iter().map(|(k, v)| (k.as_str().to_lowercase(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let read = Request {
        method: parts.method.to_string(),
        host: headers.get("host").cloned().unwrap_or_default(),
        path: query::decode(parts.uri.path()),
        query: query::pairs(parts.uri.query().unwrap_or_default()),
        headers,
        body: body.to_bytes().to_vec(),
    };
    match cloud.answer(read, &parts.uri.to_string()).await {
        Ok(answer) => {
            let mut response = Response::builder().status(answer.status);
            for (name, value) in answer.headers.iter().filter(|(k, _)| *k != "content-length") {
                response = response.header(name, value);
            }
            Ok(response.body(Full::from(answer.body)).unwrap_or_default())
        }
        Err(()) => std::future::pending().await,
    }
}
