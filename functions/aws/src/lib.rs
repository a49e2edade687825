//! The only crate that names `aws-sdk-*`: clients with one retry and time-out policy, and errors turned into faults.

mod capacity;
mod classify;
mod ec2;
mod ec2_network;
mod events;
mod lambda;
mod quotas;
mod s3;
mod sns;
mod ssm;
mod states;

pub use ec2::{Filters, Instance, RunBatch, Volume};
pub use ec2_network::{Peering, Route, Rule};
pub use s3::Object;
pub use ssm::Invocation;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::time::{Duration, SystemTime};

/// The SDK behaviour that every client is pinned to.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// How the clients of one function are made.
pub struct Settings {
    /// Region of the function.
    pub region: String,
    /// Access key id, secret and session token; `None` = the default provider chain.
    pub credentials: Option<(String, String, String)>,
    /// Another way to send requests than the network.
    pub http: Option<SharedHttpClient>,
    /// Another clock than the system's.
    pub time: Option<SharedTimeSource>,
}

/// The clients of one function.
#[derive(Clone)]
pub struct Clients {
    config: SdkConfig,
    ec2: aws_sdk_ec2::Client,
    events: aws_sdk_eventbridge::Client,
    quotas: aws_sdk_servicequotas::Client,
    ssm: aws_sdk_ssm::Client,
    s3: aws_sdk_s3::Client,
    lambda: aws_sdk_lambda::Client,
    states: aws_sdk_sfn::Client,
    sns: aws_sdk_sns::Client,
}

impl Clients {
    /// Makes the clients; done once per process.
    pub async fn new(settings: Settings) -> Clients {
        // One attempt may take 10 s: AWS answers far sooner, and a lost reply must not eat the function's time.
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(10)).build();
        let mut loader = aws_config::defaults(behavior())
            .region(Region::new(settings.region))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts)
            .sleep_impl(TokioSleep::new());
        if let Some((id, secret, token)) = settings.credentials {
            loader = loader.credentials_provider(Credentials::new(id, secret, Some(token), None, "given"));
        }
        if let Some(http) = settings.http {
            loader = loader.http_client(http);
        }
        if let Some(time) = settings.time {
            loader = loader.time_source(time);
        }
        let config = loader.load().await;
        // A function that is invoked may itself try three times 10 s.
        let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(50)).build();
        let lambda = aws_sdk_lambda::config::Builder::from(&config).timeout_config(patient).build();
        Clients {
            ec2: aws_sdk_ec2::Client::from_conf(aws_sdk_ec2::config::Builder::from(&config).retry_classifier(capacity::NotForCapacity).build()),
            events: aws_sdk_eventbridge::Client::new(&config),
            quotas: aws_sdk_servicequotas::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            lambda: aws_sdk_lambda::Client::from_conf(lambda),
            states: aws_sdk_sfn::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            config,
        }
    }

    /// The time now, by the clients' clock.
    pub fn now(&self) -> SystemTime {
        self.config.time_source().map(|t| t.now()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The time now, whole seconds since 1970.
    pub fn now_s(&self) -> u64 {
        self.now().duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
    }

    /// The time now as text: `2026-11-22T10:00:00Z`.
    pub fn now_text(&self) -> String {
        let now = aws_smithy_types::DateTime::from_secs(i64::try_from(self.now_s()).unwrap_or_default());
        now.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap_or_default()
    }

    /// The region of the clients.
    pub fn region(&self) -> String {
        self.config.region().map(ToString::to_string).unwrap_or_default()
    }
}
