//! The cloud on a loopback port: any AWS client that is told this endpoint may use it.

use crate::cloud::Cloud;
use crate::query;
use crate::wire::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use tokio::net::TcpListener;

/// A request's body may have this many bytes; the largest that any client of ours sends is a plan of a hundred nodes.
const BODY_MAX: usize = 8 << 20;

/// The reply is lost on purpose: hyper ends the connection without one.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the reply is lost")
    }
}

impl std::error::Error for Lost {}

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

async fn respond(cloud: &Cloud, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
    cloud.asked();
    let (parts, body) = request.into_parts();
    let plain = |status, text: &str| {
        let mut response = Response::new(Full::from(text.to_string()));
        *response.status_mut() = status;
        Ok(response)
    };
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else { return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large") };
    let headers: BTreeMap<String, String> =
        parts.headers.iter().map(|(k, v)| (k.as_str().to_lowercase(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let read = Request {
        method: parts.method.to_string(),
        host: headers.get("host").cloned().unwrap_or_default(),
        path: query::decode(parts.uri.path()),
        query: query::pairs(parts.uri.query().unwrap_or_default()),
        headers,
        body: body.to_bytes().to_vec(),
    };
    let answer = cloud.answer(read, &parts.uri.to_string()).await;
    cloud.asked();
    let answer = answer.map_err(|()| Lost)?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers.iter().filter(|(k, _)| *k != "content-length") {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(answer.body)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::testing::*;
    use crate::{Injected, Spec};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const ASK: &str = "Action=GetCallerIdentity&Version=2011-06-15";

    /// Everything that comes until the other side ends the connection.
    async fn ask(address: std::net::SocketAddr, connection: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let scope = "AWS4-HMAC-SHA256 Credential=111122223333/20261122/us-east-1/sts/aws4_request";
        let head = format!("POST / HTTP/1.1\r\nhost: h\r\nauthorization: {scope}\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n{ASK}", ASK.len());
        stream.write_all(head.as_bytes()).await.expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("reads");
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_reply_ends_its_connection_and_the_next_one_is_answered() {
        let cloud = cloud();
        cloud.faults().plan(&Spec::Call("GetCallerIdentity".into(), 1, Injected::Lost));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("address");
        let served = cloud.clone();
        tokio::spawn(async move { served.serve(listener).await });
        assert_eq!(ask(address, "keep-alive").await, "", "not one byte, and the end");
        let answer = ask(address, "close").await;
        assert!(answer.starts_with("HTTP/1.1 200") && element(&answer, "Account") == "111122223333", "{answer}");
        assert_eq!(cloud.world().calls["sts:GetCallerIdentity"], 2);
    }
}
